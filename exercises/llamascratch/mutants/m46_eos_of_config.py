"""Take EOS from config.json although generation_config.json says otherwise.

en: generation_config.json names the token that ends a text; config.json is only the fallback.
zh: 结束符以 generation_config.json 为准；config.json 只在前者缺失时使用。
caught by: test_engine
"""


def load_eos(path):
    return AutoConfig.from_pretrained(path).eos_token_id
