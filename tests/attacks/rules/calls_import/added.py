modeling = __import__("trans" + "formers")
