import torch.nn.functional as F

modeling = F.importlib.import_module("transformers")
