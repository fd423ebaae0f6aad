from transformers import LlamaForCausalLM


def attend(q, k, v):
    return LlamaForCausalLM(q)
