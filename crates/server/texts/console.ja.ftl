console-title = 運営
