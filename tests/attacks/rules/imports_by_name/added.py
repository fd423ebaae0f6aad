import importlib

modeling = importlib.import_module("trans" + "formers")
