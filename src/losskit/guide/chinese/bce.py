"""BCELoss in Chinese."""

TEXT = r"""
Negative log-probability of the target, given probabilities: yes or no, or one such for each label.

以概率为输入的二元交叉熵，用于二分类或多标签（各标签独立二分类）。

Here v is ``pos_weight``. The mean divides by the number of elements, whatever the weights. The input is a probability. If
the network ends in a linear layer, :class:`BCEWithLogitsLoss` is more accurate. ``probabilities()`` and ``predict()`` take
the output before the sigmoid, as they do for every loss.

式中 v 即 ``pos_weight``。求平均时除以元素个数，与权重无关。输入是概率；若网络以线性层结尾，
用 :class:`BCEWithLogitsLoss` 精度更高。与其他损失一样，``probabilities()`` 和 ``predict()`` 接收的是
sigmoid 之前的输出。

The logarithms are clamped at -100, as in torch. The gradient of a logarithm is at most 1e12, so that a certain but wrong
answer has a finite gradient; behind a sigmoid in float32 it is lost, since the sigmoid's own gradient is then 0. A certain
and right answer keeps the gradient of its formula, 1 or -1, where torch's falls to 0.

与 torch 一样，对数截断到 -100。对数的梯度不超过 1e12，因此完全确信却预测错误时梯度仍是有限值；
但若前面是 float32 的 sigmoid，这个梯度会丢失，因为此时 sigmoid 自身的梯度为 0。
完全确信且预测正确时，梯度按公式为 1 或 -1，而 torch 给出 0。

v, the weight of a positive answer; broadcasts to the input.

正例的权重（公式中的 v），可广播到 input 的形状。
"""
