"""Multiply by the temperature instead of dividing.

en: You multiply the logits by the temperature. Divide: a temperature below 1 must make the distribution
    sharper.
zh: 你把 logits 乘以了温度。应当除以温度：温度小于 1 时分布应变得更尖锐。
caught by: test_temperature, test_sample_temperature
"""


def apply_temperature(logits, temperature):
    return logits * temperature
