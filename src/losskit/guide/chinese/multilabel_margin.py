"""MultiLabelMarginLoss in Chinese."""

TEXT = r"""
Hinge over pairs of labels: how much the score of each true label falls short of each other one plus 1.

多标签合页损失，每个正标签的得分若没有比其他标签高出 1，则计入不足的部分。

``target`` lists the ids of the true labels; -1 ends the list, and the rest is ignored. Rows of 0 and 1 raise an error, since
they list a label twice; ``criterion.head().encode(target, C)`` makes lists from them.

``target`` 列出正标签的编号，以 -1 结束，其后的内容会被忽略。由 0 和 1 组成的行会报错，因为那样等于重复列出同一个标签；
``criterion.head().encode(target, C)`` 可将其转换为编号列表。

It ranks the labels of a row without a threshold: adding a number to all scores of a row changes nothing. Therefore
``predict`` raises an error; find a threshold on validation data, or use :class:`MultiLabelSoftMarginLoss`. When compiled or
differentiated twice, memory grows with the square of the number of labels. Torch's own loss, when compiled, also counts
the ids after the -1 (pytorch#141017). The mean divides by the number of rows.

它只给一行内的标签排序，没有阈值：一行的所有得分同加一个数，损失不变。因此 ``predict`` 会报错；
请在验证集上确定阈值，或改用 :class:`MultiLabelSoftMarginLoss`。编译或求二阶导数时，内存随标签数的平方增长。
torch 自己的损失编译后会把 -1 之后的编号也计入（pytorch#141017）。求平均时除以行数。

Scores (no sigmoid before them), (C), (N, C) or (..., C) with C >= 2.

得分（前面不要加 sigmoid），形状 (C)、(N, C) 或 (..., C)，C >= 2。

Ids of the labels that hold, then -1, of any signed integer dtype, of the shape of input.

正标签的编号，其后以 -1 补齐，任意有符号整数 dtype，形状与 input 相同。
"""
