"""CrossEntropyLoss in Chinese."""

TEXT = r"""
Negative log-probability that the softmax of the logits gives the target class.

交叉熵，即 logits 经 softmax 后目标类别的负对数概率，多分类的标准损失。

Give it logits: after a softmax the loss cannot fall below log(e + C - 1) - 1. With class ids the mean divides by the sum
of the weights of the targets, with class probabilities by the number of items, as in torch. So at batch size 1 class
weights cancel, and with weights, ids and one-hot rows give different means. A class whose logit is -inf is masked: label
smoothing leaves it out.

输入应为 logits：若先做了 softmax，损失无法降到 log(e + C - 1) - 1 以下。与 torch 一样，目标为类别编号时，
求平均除以各目标的权重之和；目标为类别概率时，除以样本数。因此批大小为 1 时类别权重会被约掉；
而设置了权重时，类别编号与 one-hot 目标得到的均值不同。logit 为 -inf 的类别视为被屏蔽，标签平滑不会分给它。

On other devices than CPU torch's own operator computes the plain case. There a row of -inf logits has a NaN gradient even
if ``ignore_index`` excludes it. Give such rows a ``mask``.

在 CPU 以外的设备上，普通情形由 torch 自己的算子计算。此时若一行 logits 全为 -inf，哪怕已用
``ignore_index`` 排除，梯度仍是 NaN，请用 ``mask`` 排除这样的行。

The dimension of the input that holds the classes (an input (C) has only one).

类别所在的维度（输入形状为 (C) 时只有这一维）。
"""
