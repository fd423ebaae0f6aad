"""Take the likeliest token instead of drawing.

en: You always take the likeliest token. Unless the temperature is 0, a token is drawn at random with its
    probability.
zh: 你总是选取概率最大的 token。除非温度为 0，否则应按概率随机采样。
caught by: test_sample_temperature, test_sample_filters, test_generator_decides
"""


def draw(logits, generator):
    return logits.argmax(-1)
