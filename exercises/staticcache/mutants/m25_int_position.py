"""Turn the position into a Python number to write its slot.

en: The position becomes a Python number (int() or .item()), so that the slot can be written by its
    number. torch.compile has to leave the graph for it, on a GPU everything waits: index_copy_ takes the
    tensor as it is.
zh: 你把 position 变成了 Python 整数（int() 或 .item()）再按下标写入。为此 torch.compile 必须离开计算图，在
    GPU 上还要等待同步：index_copy_ 可以直接用张量。
caught by: test_one_graph, test_no_breaks
"""


class Step:
    def update(self, layer, k, v):
        keys, values, p = self.cache.k[layer], self.cache.v[layer], int(self.position)
        keys[:, :, p] = k[:, :, 0]
        values[:, :, p] = v[:, :, 0]
        return keys, values
