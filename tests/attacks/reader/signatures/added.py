def dot(a, b: "\x1b[2J ::error::x <b> ]]>" = "::add-mask::1\r\u202e|=1+1") -> "https://evil.example":
    return (a * b).sum(-1)
