"""SmoothL1Loss in Chinese."""

TEXT = r"""
Absolute error, rounded off to a parabola near zero.

平滑的绝对误差，零附近为抛物线，对离群值稳健，常用于目标检测的边框回归。

At ``beta=0`` it is L1. It equals Huber's loss only at ``beta = delta = 1`` (Huber = delta × SmoothL1).

``beta=0`` 时即为 L1。仅当 ``beta = delta = 1`` 时才等于 Huber 损失（Huber = delta × SmoothL1）。
"""
