"""TripletMarginWithDistanceLoss in Chinese."""

TEXT = r"""
:class:`TripletMarginLoss` for a distance function that you give.

距离函数由你指定的 :class:`TripletMarginLoss`。

``distance_function`` takes two tensors of the same shape (N, ...) and gives a distance for each item: (N,), or over more
of the leading dimensions. Without one it is :class:`TripletMarginLoss` at its defaults. It may be a module; the loss then
owns its parameters. The loss can be pickled, compiled and differentiated twice if the function can. The function gets
half precision as float32 and masked items as zeros; a call with a mask or weights runs it once more, to learn the shape
of its result. The mean divides by the number of distances.

``distance_function`` 接收两个同形状 (N, ...) 的张量，给出每个样本的距离：(N,)，或保留更多的前导维度。
不指定时即为默认参数的 :class:`TripletMarginLoss`。它也可以是一个模块，其参数随之归损失所有。
只要该函数支持，损失就可以序列化（pickle）、编译和求二阶导数。传给该函数的半精度输入会转为 float32，
被掩码的样本会置零；带掩码或权重的调用会多运行它一次，以得知结果的形状。求平均时除以距离的个数。

The distance; None for Euclid's.

距离函数；None 表示欧氏距离。
"""
