"""MarginRankingLoss in Chinese."""

TEXT = r"""
How much the score that should be higher falls short of the other one plus a margin.

成对排序损失，应排在前面的得分若没有比另一个高出一个间隔，则计入不足的部分。

``target`` is 1 where ``input1`` should rank higher, -1 where ``input2`` should. At ``margin=0`` two equal scores
have no loss, so equal scores for everything are a minimum: give a margin. The mean divides by the number of elements.

``target`` 为 1 表示 ``input1`` 应排在前面，为 -1 表示 ``input2`` 应排在前面。``margin=0`` 时两个相等的得分没有损失，
于是所有样本输出同一个得分就达到了最小值，因此请设置间隔。求平均时除以元素个数。

By how much the higher score should exceed the other.

间隔，较高的得分至少应高出的量。

Real numbers, of the shape of input1.

实数，形状与 input1 相同。
"""
