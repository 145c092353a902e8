"""ArcFaceLoss in Chinese."""

TEXT = r"""
Cross-entropy of scaled cosines to one direction a class, where the right class must win by an angle.

对缩放后的余弦做交叉熵，每个类别对应一个方向，且正确类别必须领先一个角度间隔（常用于人脸识别）。

where a_c is the angle between the embedding and the weight of class c. The loss owns the weight, of shape
(num_classes, in_features): give its parameters to the optimizer, too. If angle and margin exceed half a turn, their cosine
would rise again; the right class then has cos(a_c) - margin sin(margin) instead, as in the authors' code. It keeps falling,
after a small step down. The lengths of embeddings and weights do not matter. A vector of zeros is at right angles to every
class. The gradient is finite even if an embedding points exactly as its class does, or against it.

其中 a_c 是嵌入向量与类别 c 的权重之间的夹角。权重由损失自身持有，形状为
(num_classes, in_features)：别忘了把它的参数也交给优化器。夹角加上 margin 超过 180° 时余弦会重新上升，此时正确类别改用
cos(a_c) - margin sin(margin)，与原作者的代码一致：在该处略降一级，之后继续单调下降。
嵌入向量和权重的长度不影响结果。零向量与所有类别垂直。即使嵌入向量与其类别方向完全相同或完全相反，梯度也是有限的。

The mean divides by the number of items. ``predict`` and ``probabilities`` read the scaled cosines without the margin.
Half-precision inputs are computed in float32, under autocast too; weights of another dtype do not change the loss's.

求平均时除以样本数。``predict`` 和 ``probabilities`` 使用不带间隔的缩放余弦。
半精度输入按 float32 计算，autocast 下也是如此；权重的 dtype 不影响损失的 dtype。

Width of an embedding, D.

嵌入向量的维度 D。

What the cosines are multiplied by.

余弦的缩放系数。

What is added to the angle to the right class, in radians.

加在正确类别夹角上的间隔，单位为弧度。

Where the weight is made.

权重所在的设备。

In which dtype the weight is made.

权重的 dtype。
"""
