register-title = レジ
