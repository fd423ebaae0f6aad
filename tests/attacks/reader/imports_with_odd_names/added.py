import ｏｓ as ｔｈｅ_ｓｙｓｔｅｍ
import 漢字
from exercises.ⅷ import ªº as ﬁ
