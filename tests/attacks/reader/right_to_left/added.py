def dot(a, b):
    text = (
        "\u202e02/02 dessap\u202c \u2066isolated\u2069 \u200ehidden\u200f \u061c"  # turns the reading direction
        "pass\u200bed pass\u2060ed pass\u00aded \ufeff \u034f \u3164\u2800\u115f\ufe0f"  # drawn as nothing
        "\U000e0001\U000e0041\U000e007f \U000e0100"  # tags, a selector
    )
    print(text)
    raise ValueError(text)
