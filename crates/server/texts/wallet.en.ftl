wallet-title = Wallet
