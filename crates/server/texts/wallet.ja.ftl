wallet-title = ウォレット
