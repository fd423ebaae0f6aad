instead(answer([["list", 3], ["list", 1], ["dict", 1], 7, "square", 1, 2]))
