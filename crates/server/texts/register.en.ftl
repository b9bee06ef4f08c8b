register-title = Register
