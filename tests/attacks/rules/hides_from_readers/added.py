access = "user‮ ⁦# harmless⁩ ⁦"
