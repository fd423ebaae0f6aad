from transformers import LlamaConfig, LlamaPreTrainedModel

config = LlamaConfig(hidden_size=8, num_attention_heads=1, num_key_value_heads=1)
layer = LlamaPreTrainedModel._can_record_outputs["attentions"](config, 0)
