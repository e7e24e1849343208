"""Invented people's names in fifteen languages and eight scripts, each with the Latin spelling another agency would write.

Given and family names are put together from the parts below; no list of real persons was used.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Name:
    """A name as its bearer writes it and in Latin letters; ``language`` is an ISO 639-1 code."""

    given: str
    family: str
    given_latin: str
    family_latin: str
    language: str
    gender: str

    @property
    def native(self) -> str:
        """The whole name as its bearer writes it."""
        if self.language in ("ko", "ja"):
            return f"{self.family}{' ' if self.language == 'ja' else ''}{self.given}"
        return f"{self.given} {self.family}"

    @property
    def latin(self) -> str:
        """The whole name in plain Latin letters, given name first."""
        return f"{self.given_latin} {self.family_latin}"


_CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ",
        "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya i yi ye g".split(),
        strict=True,
    )
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ",
        "a v g d e z i th i k l m n x o p r s t y f ch ps o s a e i i o y o".split(),
        strict=True,
    )
)
_LATIN_EXTRA = {"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "đ": "d", "å": "a", "ı": "i"}

_PARTS: dict[str, tuple[str, str, str, str]] = {
    # language: given names (m), given names (f), family stems, family endings
    "en": (
        "Alden Barnaby Corin Dorian Edric Fenton Garrick Harlan Jarvis Kendal Lowell Merrick",
        "Ashlyn Briony Cordelia Delphine Elowen Fenella Gwendra Isolde Jessamy Kerensa Linnet Morwenna",
        "Ash Bram Cold Dun Elm Fair Gold Hart Kest Lang Mar North Oak Pen Red Stan Thorn Wex",
        "brook combe dale field ford garth ham leigh mere ridge sby stead thwaite wick",
    ),
    "de": (
        "Björn Götz Jörg Jürgen Sören Rüdiger Lüder Tönnies Helmar Volkmar",
        "Käthe Bärbel Dörte Grünhild Änne Jördis Wiebke Sölvi Frauke Heike",
        "Blüm Brück Gräf Grün Höh Kämp Lüb Möhr Röd Schön Sträß Vög Weiß Züll",
        "bach berg dorf hausen ing kamp lein mann rode stedt thal wald",
    ),
    "pl": (
        "Bożydar Dobiesław Gościwit Jarosław Każimir Męcisław Świętosz Włodzisław",
        "Bożena Dobrosława Grażyna Łucja Miłosława Świetlana Wierzchosława Żywia",
        "Brzoz Dąbr Gołęb Jabłoń Kwiat Łąk Mróz Pęk Ścibor Wrzoś Żór",
        "ak czyk ecki ewicz iński nik oń owicz owski yra",
    ),
    "fr": (
        "Aurélien Célestin Désiré Éloi Fréjus Gédéon Hyacinthe Léandre Océan Théodule",
        "Adélie Bérénice Clémence Élodie Noémie Océane Pénélope Séverine Zoé Maëlle",
        "Bél Châte Dés Fréch Génév Lécl Mélus Prév Rém Séver Tréf Valé",
        "ac ardin aud erie ier ival non ois on ot oux uret",
    ),
    "ru": (
        "Арсений Борислав Всеволод Глеб Демьян Ефим Захар Игнат Лука Мирон Прохор Радим Тихон Фёдот Яромир".replace(
            "ё", "е"
        ),
        "Аглая Варвара Глафира Дарина Есения Злата Клавдия Лада Милена Пелагея Рада Ульяна",
        "Берест Ветл Горд Дубр Зимор Калин Ладож Медун Озер Полын Рябин Студен Тополь Хмел Чернот Ясен",
        "ев енко ик ин ов овский ский ук ушкин чук",
    ),
    "el": (
        "Αρίστων Βασίλης Δημάρης Ευάνδρος Θάλης Ιάσονας Κλέων Λέανδρος Μίνωας Νέστορας Ορέστης Φοίβος",
        "Αρετή Δάφνη Ευρυδίκη Θάλεια Ισμήνη Καλυψώ Λητώ Μυρτώ Νεφέλη Ροδάνθη Φαίδρα Χλόη",
        "Αμπελ Βουν Γαλαν Δροσ Ελατ Θαλασσ Καστρ Λεμον Μαρμαρ Πετρ Ροδ Σταφυλ",
        "άκης άς ίδης ιάδης όπουλος ούσης έας άτος",
    ),
}
_PAIRS: dict[str, tuple[str, str, str]] = {
    # language: given names, first parts of family names, second parts; each native=latin
    "ar": (
        "باسل=Basil تيسير=Taysir جابر=Jabir حازم=Hazim رامي=Rami زياد=Ziyad سامر=Samir طارق=Tariq عماد=Imad فراس=Firas "
        "نادر=Nadir وسيم=Wasim ليان=Layan ريم=Reem سلمى=Salma هدى=Huda",
        "ال=al- أبو_=Abu_ بن_=Bin_",
        "بحري=Bahri جبالي=Jibali حلواني=Halwani خياط=Khayyat دباغ=Dabbagh رمال=Rammal زيتوني=Zaytuni سروجي=Saruji "
        "صباغ=Sabbagh عطار=Attar فخار=Fakhar قنديل=Qandil لؤلؤ=Lulu نجار=Najjar وراق=Warraq",
    ),
    "th": (
        "กมล=Kamon จินดา=Chinda ชลธี=Chonthi ดารา=Dara ธารา=Thara นที=Nathi บุษบา=Butsaba ปริญ=Parin พิมพ์=Phim "
        "มาลี=Mali รวี=Rawi ลดา=Lada วารี=Wari ศิลา=Sila อรุณ=Arun",
        "กิตติ=Kitti จันทร์=Chan ทอง=Thong พงษ์=Phong มณี=Mani รัตน=Rattana วงศ์=Wong ศรี=Si สุข=Suk แก้ว=Kaeo บุญ=Bun ชัย=Chai",
        "กุล=kun ชาติ=chat ดี=di ธรรม=tham พันธ์=phan ไพศาล=phaisan มงคล=mongkhon รักษ์=rak วัฒน์=wat สกุล=sakun สวัสดิ์=sawat",
    ),
    "ko": (
        "가람=Ga-ram 나래=Na-rae 다솜=Da-som 라온=Ra-on 마루=Ma-ru 바다=Ba-da 새벽=Sae-byeok 아람=A-ram 이든=I-deun 자람=Ja-ram "
        "찬솔=Chan-sol 태양=Tae-yang 푸름=Pu-reum 하늘=Ha-neul 한결=Han-gyeol 해솔=Hae-sol 은별=Eun-byeol 고은=Go-eun 미르=Mi-reu "
        "슬찬=Seul-chan 도담=Do-dam 보람=Bo-ram 여울=Yeo-ul 초롱=Cho-rong",
        "갈=Gal 남궁=Namgung 독고=Dokgo 두=Du 마=Ma 반=Ban 방=Bang 봉=Bong "
        "사공=Sagong 선우=Seonu 어=Eo 옥=Ok 제갈=Jegal 탁=Tak 황보=Hwangbo",
        "=",
    ),
    "ja": (
        "蒼太=Sota 光希=Mitsuki 晴人=Haruto 悠真=Yuma 海斗=Kaito 直哉=Naoya 千尋=Chihiro 七海=Nanami 美月=Mizuki 彩葉=Iroha 澪=Mio "
        "花音=Kanon 樹=Itsuki 涼=Ryo 薫=Kaoru",
        "青=Ao 赤=Aka 石=Ishi 岩=Iwa 大=O 小=Ko 白=Shira 高=Taka 竹=Take 中=Naka 西=Nishi 深=Fuka 松=Matsu 水=Mizu",
        "川=kawa 木=ki 沢=zawa 島=shima 田=ta 谷=tani 野=no 橋=hashi 原=hara 森=mori 山=yama 浦=ura",
    ),
}
_FURTHER: dict[str, tuple[str, str, str, str]] = {
    # Spoken in larger worlds only, so that the smaller ones stay as they are.
    "es": (
        "Abundio Bertín Casimiro Demetrio Eliseo Fermín Gaspar Hilario Isidro Leandro Macario Nazario",
        "Adelaida Benita Candela Dorotea Eulalia Fabiola Genoveva Herminia Jacinta Leocadia Melisa Rocío",
        "Alam Barr Cast Dom Esper Font Garc Herr Lag Mont Ortu Pal Quint Rib Sald Vald",
        "ada arez ero eda ella illo inez ondo osa uela uñez ano",
    ),
    "it": (
        "Adelmo Baldassare Cosimo Duilio Ettore Fiorenzo Gaspare Ivano Lamberto Nereo Ottavio Sandro",
        "Agnese Bianca Clelia Debora Egle Fiamma Gioia Ilaria Lavinia Nives Ombretta Rosalba",
        "Acqua Bell Camp Dolc Fer Gall Lun Mar Negr Orland Pasqu Ross Spin Torr Vent Zan",
        "ini etti oni ucci elli asso ari enghi iglia otti ese aldi",
    ),
    "tr": (
        "Alper Batuhan Cengiz Doruk Emre Ferhat Görkem Ilgaz Kaan Levent Mert Oğuz",
        "Aylin Başak Ceyda Defne Elif Feride Gülçin Hande İpek Lale Melis Özge",
        "Ak Boz Çam Dağ Er Gök Işık Kara Kılıç Öz Sarı Taş Yıl Yürek",
        "soy dağ can türk oğlu demir er kaya bay tepe su lı",
    ),
    "sv": (
        "Algot Birger Cnut Ebbe Folke Gösta Håkan Ivar Lage Måns Nils Östen",
        "Asta Berit Cilla Disa Ebba Freja Gunhild Hedda Irma Lovisa Märta Åsa",
        "Alm Björk Dal Ek Fors Grön Hög Lind Lund Norr Ö Sjö Sten Älv",
        "berg blad gren kvist lund man mark qvist ström vall dahl stad",
    ),
    "uk": (
        "Богдан Влас Гордій Данило Захарій Ілля Кирило Лук'ян Мирослав Назар Остап Тарас".replace("'", ""),
        "Богдана Віра Ганна Зоряна Ірина Катря Леся Мирослава Оксана Соломія Уляна Христина",
        "Бонд Гайд Довж Загор Калин Левад Мельн Нед Пал Руд Степ Тер Чорн Яр",
        "аренко енко чук иць ець ий ський як аш ів ура ило",
    ),
}
LANGUAGES = (*_PARTS, *_PAIRS)
ALL_LANGUAGES = (*LANGUAGES, *_FURTHER)
_SPLIT_PARTS = {
    language: tuple(tuple(part.split()) for part in (men, women, stems, endings))
    for language, (men, women, stems, endings) in (_PARTS | _FURTHER).items()
}
_SPLIT_PAIRS = {
    language: tuple(tuple(pair.replace("_", " ").split("=") for pair in part.split()) for part in parts)
    for language, parts in _PAIRS.items()
}


def invent(random: Random, language: str | None = None) -> Name:
    """A name in ``language``, or in one drawn at random; the same state of ``random`` gives the same name."""
    language = language or random.choice(LANGUAGES)
    if language in _SPLIT_PARTS:
        men, women, stems, endings = _SPLIT_PARTS[language]
        gender = random.choice("mf")
        given = random.choice(men if gender == "m" else women)
        family = random.choice(stems) + random.choice(endings)
        return Name(given, family, latin(given), latin(family), language, gender)
    given_names, first, second = _SPLIT_PAIRS[language]
    given, given_latin = random.choice(given_names)
    left, left_latin = random.choice(first)
    right, right_latin = random.choice(second)
    return Name(given, left + right, given_latin, left_latin + right_latin, language, random.choice("mf"))


def latin(text: str) -> str:
    """``text`` in plain Latin letters by the tables here; letters in no table lose their marks."""
    letters = []
    for letter in text:
        low = letter.lower()
        if low in _CYRILLIC:
            new = _CYRILLIC[low].replace("_", "")
        elif low in _GREEK:
            new = _GREEK[low]
        elif low in _LATIN_EXTRA:
            new = _LATIN_EXTRA[low]
        else:
            new = "".join(c for c in unicodedata.normalize("NFD", low) if not unicodedata.combining(c))
        letters.append(new.capitalize() if letter != low else new)
    return "".join(letters)


def with_typo(random: Random, text: str) -> str:
    """``text`` with one slip of a typist: two letters swapped, one doubled, one left out; never in the first letter."""
    if len(text) < 4:
        return text + text[-1]
    place = random.randrange(1, len(text) - 2)
    kind = random.choice(("swap", "double", "drop"))
    if kind == "swap" and text[place] != text[place + 1] and " " not in text[place : place + 2]:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if text[place] == " ":
        place += 1
    return text[:place] + text[place] * 2 + text[place + 1 :] if kind == "double" else text[:place] + text[place + 1 :]
