from losskit.losses.ctc.loss import CTCLoss as CTCLoss, ctc_loss as ctc_loss
