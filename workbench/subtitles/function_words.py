"""Small words that lead to what follows them: a line does not end with one, and likes to begin with some."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal["", "binding", "preposition", "conjunction"]
"""What a word is to the next: "binding" are articles, possessives and auxiliaries; "" any other word."""

_BINDING: Final = {
    "en": """a an the this these those my your his her our their its every some any no i we he she they who's i'm
        is are was were am be been has have had do does did will would can could shall should may might must not
        very so too mr mrs ms dr prof st i'll we'll you'll they'll it's that's there's don't doesn't can't""",
    "de": """der die das den dem des ein eine einen einem einer eines mein meine dein deine sein seine ihr ihre
        unser unsere kein keine keinen dieser diese dieses diesen jeder jede jedes ich wir er sie es man
        sehr nicht zum zur im am vom beim ins ans herr frau dr prof""",
    "fr": """le la les un une des du de d' au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs
        ce cet cette ces je tu il elle on nous vous ils elles ne se me te est sont a ont très m mme dr""",
    "es": """el la los las un una unos unas mi mis tu tus su sus nuestro nuestra este esta estos estas ese esa
        yo él ella se me te le lo les nos no es son está están ha han muy al del sr sra dr""",
    "it": """il lo la i gli le un uno una mio mia tuo tua suo sua nostro nostra questo questa quel quella
        io lui lei si mi ti ci vi non è sono ha hanno molto al allo alla ai agli alle del dello della dei degli delle
        dal dalla nel nella nei nelle sul sulla""",
    "pt": """o a os as um uma uns umas meu minha seu sua nosso nossa este esta esse essa eu ele ela se me te
        não é são está estão há muito ao aos à às do da dos das no na nos nas pelo pela num numa""",
    "nl": """de het een mijn jouw zijn haar ons onze hun dit dat deze die ik we wij hij ze zij je jij
        is was zijn wordt heeft hebben zeer niet erg""",
    "ru": """я мы он она они мой моя моё мои твой наш ваш его её их этот эта это эти тот та те не ни очень""",
}
_PREPOSITIONS: Final = {
    "en": """of in on at by for with from to into onto about over under after before between through during
        without within against among across behind beyond near toward towards upon until since per like than as""",
    "de": """in an auf aus bei mit nach von vor zu für über unter durch gegen ohne um zwischen seit bis während
        wegen hinter neben statt trotz als wie""",
    "fr": """à de en dans par pour sur sous avec sans chez vers entre contre depuis pendant avant après selon""",
    "es": """a de en con por para sobre sin desde hasta entre hacia según contra durante ante bajo tras""",
    "it": """a di in da con su per tra fra senza verso contro durante dopo prima sopra sotto""",
    "pt": """a de em com por para sobre sem desde até entre contra durante ante após sob""",
    "nl": """in op aan van met voor bij door over uit naar onder tegen zonder om tussen tijdens na te tot""",
    "ru": """в во на с со к ко о об от до из за по под над при про без для у через между перед""",
}
_CONJUNCTIONS: Final = {
    "en": """and or but nor yet because although though while when where if unless that which who whom whose
        what how why whether""",
    "de": """und oder aber denn sondern dass weil obwohl wenn während als ob damit sodass bevor nachdem wo wer was
        welche welcher welches deren dessen""",
    "fr": """et ou mais donc car ni que qu' qui dont où quand lorsque si comme parce puisque quoique""",
    "es": """y e o u pero sino ni que quien cuando donde si como porque aunque mientras cuyo""",
    "it": """e ed o od ma né che chi cui quando dove se come perché anche mentre sebbene""",
    "pt": """e ou mas nem que quem quando onde se como porque embora enquanto cujo""",
    "nl": """en of maar want dat omdat hoewel wanneer als terwijl toen wie wat waar hoe""",
    "ru": """и а но или да что чтобы как когда где если потому который которая которое которые кто хотя пока""",
}
_CHINESE_CONJUNCTIONS: Final = """
    因为 因為 所以 但是 而且 如果 虽然 雖然 然后 然後 以及 或者 不过 不過 并且 並且 于是 於是 因此 可是 只要
    只有 除了 关于 關於 对于 對於 通过 通過 根据 根據 为了 為了 直到 由于 由於 尽管 儘管 即使 不仅 不僅 甚至
    例如 比如 首先 其次 最后 最後
"""
_CHINESE_WORDS: Final = """
    我们 我們 你们 你們 他们 他們 她们 她們 它们 它們 咱们 咱們 大家 自己 别人 別人 什么 什麼 怎么 怎麼 这个
    這個 那个 那個 这些 這些 那些 这里 這裡 那里 那裡 这样 這樣 那样 那樣 这么 這麼 那么 那麼 哪里 哪裡 多少
    一个 一個 一些 一样 一樣 一起 一直 一定 一下 两个 兩個 每个 每個 没有 沒有 不是 不能 不会 不會 可以 可能
    应该 應該 需要 必须 必須 能够 能夠 已经 已經 正在 现在 現在 以前 以后 以後 之前 之后 之後 今天 明天 昨天
    今年 去年 时候 時候 时间 時間 开始 開始 结束 結束 知道 觉得 覺得 认为 認為 希望 喜欢 喜歡 看到 听到 聽到
    非常 特别 特別 真的 其实 其實 当然 當然 还是 還是 还有 還有 就是 都是 也是 只是 问题 問題 事情 东西 東西
    地方 方法 情况 情況 世界 国家 國家 社会 社會 公司 工作 生活 学习 學習 学生 學生 老师 老師 朋友 先生 历史
    歷史 发展 發展 研究 技术 技術 系统 系統 语言 語言 声音 聲音 识别 識別 人工 智能 网络 網絡 网路 網路 电脑
    電腦 计算 計算 手机 手機 中国 中國 美国 美國 政府 经济 經濟 文化 教育 科学 科學 重要 主要 不同 问道 回答
    告诉 告訴 帮助 幫助 使用 进行 進行 成为 成為 出现 出現 产生 產生 继续 繼續 决定 決定 选择 選擇 概念 接受
    实现 實現 速度
"""
CHINESE_WORDS: Final = frozenset((_CHINESE_CONJUNCTIONS + _CHINESE_WORDS).split())
"""Frequent words of two characters, which no space sets apart: a line is not to be broken inside one."""


def _roles() -> dict[str, dict[str, Role]]:
    roles: dict[str, dict[str, Role]] = {language: {} for language in _BINDING}
    tables: tuple[tuple[Role, dict[str, str]], ...] = (
        ("binding", _BINDING),
        ("preposition", _PREPOSITIONS),
        ("conjunction", _CONJUNCTIONS),
    )
    for role, words in tables:
        for language, text in words.items():
            roles[language] |= dict.fromkeys(text.split(), role)
    roles["ja"] = {}  # of whose words the script tells enough
    roles["zh"] = dict.fromkeys(_CHINESE_CONJUNCTIONS.split(), "conjunction")
    return roles


_ROLES: Final = _roles()


def role_of(word: str, language: str | None) -> Role | None:
    """None for a language (BCP-47) whose small words are not known. Marks around a word make it no small word."""
    known = _ROLES.get((language or "").lower().replace("_", "-").split("-")[0])
    return known.get(word.lower().replace("’", "'"), "") if known is not None else None
