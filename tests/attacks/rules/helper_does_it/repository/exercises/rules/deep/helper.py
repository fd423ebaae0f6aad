from transformers import LlamaModel as modeling
