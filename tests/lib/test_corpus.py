"""The tables against rules and a second source, the documents and tasks against their promises."""

import re
import unicodedata
from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest

from lib.corpus import MIX, RELATIONS, documents, facts, grammar, paragraph, tasks, word_lists
from lib.corpus import encyclopedia as corpus
from lib.corpus.tables import countries, country_split, elements, named

BY_NAME = {country.name: country for country in countries()}
DATA_FILES = sorted(grammar.DATA.glob("*.txt")) + sorted(grammar.DATA.glob("*.csv"))
TITLES = [(file, title) for file in ("facts.txt", "stories.txt", "tasks.txt")
          for title in grammar.read_sections(file)]


@cache
def texts():
    return documents(20_000, np.random.default_rng(0))


@cache
def corpus_words():
    return Counter(word for text in texts() for word in re.findall(r"[a-z]+", text.lower()))


# ---------------------------------------------------------------- tables

def test_table_of_countries_is_well_formed():
    assert len(countries()) == len(BY_NAME) == 160
    assert [c.name.removeprefix("the ") for c in countries()] == sorted(
        c.name.removeprefix("the ") for c in countries())
    assert len({country.capital for country in countries()}) == 160
    assert {country.continent for country in countries()} == {
        "Africa", "Asia", "Europe", "North America", "Oceania", "South America"}
    for country in countries():
        assert all(getattr(country, key).strip() for key in RELATIONS), country
        assert country.currency.islower() and country.language[0].isupper()


def test_neighbours_are_symmetric_and_in_the_table():
    for country in countries():
        assert country.name not in country.neighbours
        assert len(set(country.neighbours)) == len(country.neighbours)
        for name in country.neighbours:
            assert country.name in BY_NAME[name].neighbours, (country.name, name)


# countryinfo's names for some countries, and where its data (of about 2014) differs from ours.
OTHER_NAMES = {"Czechia": "Czech Republic", "North Macedonia": "Republic of Macedonia",
               "the Gambia": "The Gambia"}
KNOWN_CAPITALS = {
    "Burundi": "Bujumbura",                     # Gitega since 2019
    "Kazakhstan": "Nur-Sultan",                 # Astana again since 2022
    "the United States": "Washington D.C.",     # the same city
    "Yemen": "Sana'a",                          # another spelling
}
KNOWN_BORDERS = {
    ("Chad", "South Sudan"),                    # Chad borders Sudan, not South Sudan
    ("Chad", "Sudan"),
    ("China", "Nepal"),                         # missing there on one side
    ("Afghanistan", "India"),                   # claimed only
    ("Kuwait", "Iran"), ("Iraq", "Kuwait"),     # Kuwait borders Iraq; Iran is across the sea
    ("Bhutan", "Myanmar"), ("India", "Myanmar"),    # India lies between the first two
    ("Albania", "Serbia"),                      # by way of Kosovo, whose status is in dispute
    ("Cyprus", "the United Kingdom"),           # military bases
    ("France", "Suriname"), ("Brazil", "France"),   # French Guiana, overseas
}
# The code that countryinfo gives to our word, where that is not the usual two-letter code.
LANGUAGE_CODES = {
    "Albanian": "sq", "Amharic": "am", "Arabic": "ar", "Armenian": "hy", "Azerbaijani": "az",
    "Bengali": "bn", "Bosnian": "bs", "Bulgarian": "bg", "Burmese": "my", "Chinese": "zh",
    "Croatian": "hr", "Czech": "cs", "Danish": "da", "Dhivehi": "dv", "Dutch": "nl",
    "Dzongkha": "dz", "English": "en", "Estonian": "et", "Finnish": "fi", "French": "fr",
    "Georgian": "ka", "German": "de", "Greek": "el", "Guarani": "gn", "Haitian Creole": "ht",
    "Hindi": "hi", "Hungarian": "hu", "Indonesian": "id", "Italian": "it", "Japanese": "ja",
    "Kazakh": "kk", "Khmer": "km", "Kinyarwanda": "rw", "Kirundi": "rn", "Korean": "ko",
    "Kyrgyz": "ky", "Lao": "lo", "Latvian": "lv", "Lithuanian": "lt", "Luxembourgish": "lb",
    "Macedonian": "mk", "Malagasy": "mg", "Maltese": "mt", "Mongolian": "mn",
    "Montenegrin": "cnr", "Nepali": "ne", "Norwegian": "no", "Persian": "fa", "Polish": "pl",
    "Portuguese": "pt", "Romanian": "ro", "Russian": "ru", "Sango": "sg", "Serbian": "rs",
    "Sesotho": "st", "Slovak": "sk", "Slovenian": "sl", "Somali": "so", "Spanish": "es",
    "Swahili": "sw", "Swedish": "sv", "Tajik": "tg", "Thai": "th", "Tigrinya": "ti",
    "Turkish": "tr", "Turkmen": "tk", "Ukrainian": "uk", "Urdu": "ur", "Uzbek": "uz",
    "Vietnamese": "vi",
}
KNOWN_LANGUAGES = {
    "Afghanistan",      # Dari is missing there, though official
    "East Timor",       # Tetum is missing there, though official
    "Malaysia",         # no language there
    "Mali",             # French is no longer official (2023), Bambara is
    "Niger",            # Hausa is the national language (2025)
    "Papua New Guinea",     # Tok Pisin is missing there, though official
    "the Comoros",      # Comorian is missing there, though official
    "the Philippines",  # Filipino is missing there, though official
}
CURRENCY_CODES = {
    "afghani": "AFN", "ariary": "MGA", "baht": "THB", "balboa": "PAB", "birr": "ETB",
    "bolivar": "VEF", "boliviano": "BOB", "cedi": "GHS", "colon": "CRC", "cordoba": "NIO",
    "dalasi": "GMD", "denar": "MKD", "dinar": "DZD KWD BHD RSD TND JOD IQD LYD",
    "dirham": "MAD AED", "dollar": "LRD SRD USD TTD NAD CAD GYD NZD FJD SBD AUD JMD",
    "dong": "VND", "dram": "AMD", "escudo": "CVE", "euro": "EUR", "forint": "HUF",
    "franc": "XOF XAF BIF DJF GNF CHF CDF RWF KMF", "gourde": "HTG", "guarani": "PYG",
    "hryvnia": "UAH", "kina": "PGK", "kip": "LAK", "koruna": "CZK", "krona": "SEK",
    "krone": "DKK NOK", "kwacha": "MWK ZMK", "kwanza": "AOA", "kyat": "MMK", "lari": "GEL",
    "lek": "ALL", "lempira": "HNL", "leone": "SLL", "leu": "RON MDL", "lira": "TRY",
    "loti": "LSL", "manat": "TMT AZN", "mark": "BAM", "metical": "MZN", "naira": "NGN",
    "nakfa": "ERN", "ngultrum": "BTN", "ouguiya": "MRO",
    "peso": "CLP UYU MXN COP ARS DOP CUP PHP", "pound": "LBP SYP SSP EGP SDG GBP",
    "pula": "BWP", "quetzal": "GTQ", "real": "BRL", "rial": "IRR YER OMR", "riel": "KHR",
    "ringgit": "MYR", "riyal": "SAR QAR", "ruble": "BYR RUB", "rufiyaa": "MVR",
    "rupee": "NPR PKR MUR INR", "rupiah": "IDR", "shilling": "KES UGX SOS TZS", "sol": "PEN",
    "som": "KGS UZS", "somoni": "TJS", "taka": "BDT", "tenge": "KZT", "tugrik": "MNT",
    "won": "KPW KRW", "yen": "JPY", "yuan": "CNY", "zloty": "PLN",
}
KNOWN_CURRENCIES = {
    "Bulgaria",         # the euro since 2026
    "Croatia",          # the euro since 2023
}
# The division of the Americas is not in countryinfo.
SOUTH_AMERICA = {"Argentina", "Bolivia", "Brazil", "Chile", "Colombia", "Ecuador", "Guyana",
                 "Paraguay", "Peru", "Suriname", "Uruguay", "Venezuela"}


@cache
def second_source():
    found = pytest.importorskip("countryinfo").all_countries()
    by_name = {entry.info()["name"]: entry.info() for entry in found}
    return {name: by_name[OTHER_NAMES.get(name, name.removeprefix("the "))] for name in BY_NAME}


def without_accents(text):
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def test_capitals_agree_with_countryinfo():
    differing = {name: without_accents(other["capital"]) for name, other in second_source().items()
                 if without_accents(other["capital"]) != BY_NAME[name].capital}
    assert differing == KNOWN_CAPITALS


def test_continents_agree_with_countryinfo():
    for name, other in second_source().items():
        continent = BY_NAME[name].continent
        if other["region"] == "Americas":
            assert continent == f"{'South' if name in SOUTH_AMERICA else 'North'} America", name
        else:
            assert continent == other["region"], name


def test_borders_agree_with_countryinfo():
    names = {other["ISO"]["alpha3"]: name for name, other in second_source().items()}
    theirs = {(name, names[code]) for name, other in second_source().items()
              for code in other["borders"] if code in names}
    ours = {(country.name, other) for country in countries() for other in country.neighbours}
    known = KNOWN_BORDERS | {(b, a) for a, b in KNOWN_BORDERS}
    assert ours ^ theirs <= known
    assert all((a, b) in ours ^ theirs or (b, a) in ours ^ theirs
               for a, b in KNOWN_BORDERS if (a, b) != ("Brazil", "France"))


def test_languages_agree_with_countryinfo():
    differing = {name for name, other in second_source().items()
                 if LANGUAGE_CODES.get(BY_NAME[name].language) not in other["languages"]}
    assert differing == KNOWN_LANGUAGES


def test_currencies_agree_with_countryinfo():
    differing = {name for name, other in second_source().items()
                 if not set(CURRENCY_CODES[BY_NAME[name].currency].split()) & set(
                     other["currencies"])}
    assert differing == KNOWN_CURRENCIES


# A second transcription of the table, row by row.
PERIODIC_TABLE = """
H He
Li Be B C N O F Ne
Na Mg Al Si P S Cl Ar
K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe
Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""


def period_and_place(number):
    """Row of the periodic table and place in the row, from the lengths of the rows alone."""
    for period, length in enumerate((2, 8, 8, 18, 18, 32, 32), 1):
        if number <= length:
            return period, number, length
        number -= length
    raise AssertionError(number)


def test_elements_follow_from_their_number():
    assert [element.number for element in elements()] == list(range(1, 119))
    for element in elements():
        period, place, length = period_and_place(element.number)
        if place <= 2 and element.name != "Helium":
            group = place
        elif length == 32 and place <= 17:
            group = None
        else:
            group = 18 - (length - place)
        assert (element.period, element.group) == (period, group), element
        in_f_block = length == 32 and 3 <= place <= 17
        family = {1: "alkali metals", 2: "alkaline earth metals", 13: "boron family",
                  14: "carbon family", 15: "nitrogen family", 16: "oxygen family",
                  17: "halogens", 18: "noble gases"}.get(group, "transition metals")
        if in_f_block:
            family = "lanthanides" if period == 6 else "actinides"
        assert element.family == ("nonmetals" if element.number == 1 else family), element


def test_elements_have_right_symbols_kinds_and_states():
    assert [element.symbol for element in elements()] == PERIODIC_TABLE.split()
    assert len({element.name for element in elements()}) == 118
    latin = {"Na", "K", "Fe", "Cu", "Ag", "Sn", "Sb", "W", "Au", "Hg", "Pb"}
    for element in elements():
        if element.symbol not in latin:     # the letters come from the name
            first, *rest = element.symbol.lower()
            assert element.name[0].lower() == first, element
            assert all(letter in element.name[1:] for letter in rest), element
    symbols = {state: {e.symbol for e in elements() if e.state == state}
               for state in ("gas", "liquid", "unknown")}
    assert symbols["gas"] == set("H He N O F Ne Cl Ar Kr Xe Rn".split())
    assert symbols["liquid"] == {"Br", "Hg"}
    assert symbols["unknown"] == {e.symbol for e in elements() if e.number > 103}
    kinds = {kind: {e.symbol for e in elements() if e.kind == kind}
             for kind in ("nonmetal", "metalloid", "unknown")}
    assert kinds["nonmetal"] == symbols["gas"] | set("C P S Se Br I".split())
    assert kinds["metalloid"] == set("B Si Ge As Sb Te At".split())
    assert kinds["unknown"] == {e.symbol for e in elements() if e.number > 112}


def test_split_is_disjoint_complete_and_the_same_each_time():
    split = country_split()
    names = {part: {country.name for country in group} for part, group in split.items()}
    assert {part: len(group) for part, group in names.items()} == {
        "train": 96, "dev": 24, "test": 40}
    assert set.union(*names.values()) == set(BY_NAME)
    country_split.cache_clear()
    assert country_split() == split


@pytest.mark.parametrize(("text", "names"), [
    ("Nigeria is a country in", {"Nigeria"}),
    ("The people of Niger and those of Nigeria", {"Niger", "Nigeria"}),
    ("The Netherlands is a country in", {"the Netherlands"}),
    ("in the Netherlands", {"the Netherlands"}),
    ("Papua New Guinea and Guinea-Bissau", {"Papua New Guinea", "Guinea-Bissau"}),
    ("Guinea", {"Guinea"}),
    ("the Democratic Republic of the Congo", {"the Democratic Republic of the Congo"}),
    ("South Sudan lies south of Sudan.", {"South Sudan", "Sudan"}),
    ("Mexico City", {"Mexico City"}),
    ("Romans and Somalis, netherlands and niger", set())])
def test_a_country_is_named_by_whole_words_only(text, names):
    assert named(text) == names


def test_every_fact_names_the_country_that_it_is_about_and_no_other():
    subjects = [named(fact.prompt) for fact in facts()]
    assert all(len(each) == 1 for each in subjects)
    assert Counter(name for each in subjects for name in each) == dict.fromkeys(BY_NAME, 4)


# ---------------------------------------------------------------- grammar

def test_data_is_ascii_and_fits_a_line():
    for file in DATA_FILES:
        text = file.read_bytes()
        assert all(byte == 10 or 32 <= byte < 127 for byte in text), file.name
        if file.suffix == ".txt":
            assert max(map(len, text.splitlines())) <= 100, file.name


def test_expand_fills_choices_and_gaps():
    lists = {"fruit": ("apple", "pear")}
    rng = np.random.default_rng(0)
    text = grammar.expand("{A fruit}, {a fruit}, {Fruit}, {FRUIT}; {fruit2}: [x|y]", rng, {}, lists)
    assert text in {f"{a}; {b}: {c}" for a, b in (
        ("An apple, an apple, Apple, APPLE", "pear"), ("A pear, a pear, Pear, PEAR", "apple"))
        for c in "xy"}
    values = {"name": "the Gambia"}
    assert grammar.expand("{Name} is {name}.", None, values) == "The Gambia is the Gambia."
    with pytest.raises(KeyError, match="nowhere"):
        grammar.expand("{nowhere}", rng, values, lists)
    assert values == {"name": "the Gambia"} and lists == {"fruit": ("apple", "pear")}


@pytest.mark.parametrize(("file", "title"), TITLES)
def test_templates_have_no_stray_signs(file, title):
    """Braces and brackets are balanced, sentences end, and no space is doubled."""
    for entry in grammar.read_sections(file)[title]:
        plain = re.sub(r"\{([aA] )?\w+\}|\[[^\[\]]*\]", "", entry)
        assert not set("{}[]|") & set(plain), entry
        assert "  " not in entry and entry == entry.strip()
        if file == "facts.txt":
            assert entry.endswith("."), entry


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_fact_has_many_forms_in_both_directions(relation):
    sections = grammar.read_sections("facts.txt")
    forms = sections[relation]
    assert 9 <= len(forms) <= 12 and 4 <= len(sections[f"{relation} it"]) <= 5
    value_first = [form.index(f"{{{relation}}}") < form.lower().index("{name}") for form in forms]
    assert any(value_first) and not all(value_first)


# ---------------------------------------------------------------- documents

def test_documents_are_deterministic_and_numbered_by_count():
    first, again, other = (documents(300, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first == again != other
    assert len(first) == 300 and documents(0, np.random.default_rng(0)) == []


def test_documents_have_the_promised_size():
    lengths = np.array([len(text) for text in texts()])
    assert len(texts()) == 20_000 and 2.5e6 < lengths.sum() < 2.9e6
    assert (lengths < 128 * 3.3).mean() > 0.99 and lengths.max() < 600
    assert abs(sum(MIX.values()) - 1) < 1e-12


def test_documents_are_clean_ascii_sentences():
    for text in texts():
        assert text.isascii() and text == text.strip()
        assert not re.search(r"[{}\[\]|<>]|  |\\", text), text
        assert not re.search(r"\b[Aa] [aeiouAEIO]\w+|\b[Aa]n [^aeiouAEIO\W]\w+", text), text
        assert not re.search(r"[.!?] (the|it|its|people) ", re.sub('"[^"]*"', '""', text)), text


def test_values_come_after_a_space():
    """A value at another place would be other tokens than those that an answer begins with."""
    for relation in RELATIONS:
        values = {getattr(country, relation) for country in countries()}
        if relation == "currency":          # "real", "mark" and "colon" are words of their own
            values -= {"real", "mark", "sol", "won", "colon"}
        pattern = re.compile(rf"(?<! )\b({'|'.join(values)})\b")
        for text in texts():
            # "Luxembourg is" opens with the country, and Guinea-Bissau holds its capital.
            rest = re.sub(r"^(Djibouti|Luxembourg)\b|Guinea-Bissau", "", text)
            assert not pattern.search(rest), text


def test_documents_hold_no_task():
    text = "\n\n".join(texts())
    for start in ("Q:", "A:", "Question:", "Answer:", "Instruction:", "Response:", "arr!",
                  "capital: "):
        assert start not in text, start
    names = "|".join(element.name.lower() for element in elements())
    said = re.findall(rf"\b(?:{names}) (?:is|has|belongs to|stands in)\b(?! spelled)",
                      text, re.I)
    assert not said
    for words in ("the symbol of", "atomic number of", "belongs to the", "room temperature"):
        assert words not in text.lower(), words


@pytest.mark.parametrize("probe_forms", ["probe", "reverse probe"])
def test_what_follows_a_probe_is_always_its_answer(probe_forms):
    text = "\n".join(texts())
    asked = facts(reverse=probe_forms != "probe")
    names = [(relation, prompt) for relation, prompt, _ in grammar.read_forms(
        "facts.txt", probe_forms)]
    by_prompt = {example.prompt: example.answer for example in asked}
    seen = Counter()
    for _, prompt in names:
        pattern = re.escape(prompt).replace(r"\{name\}", r"([^.\n]+?)").replace(
            r"\{Name\}", r"([^.\n]+?)").replace(r"\{capital\}", r"([^.\n]+?)")
        for match in re.finditer(rf"(?<!\w){pattern}(?= )( [^\n]+?[.])", text):
            full = match[0][:-len(match[2])]
            if full in by_prompt:
                assert by_prompt[full] == match[2], match[0]
                seen[full] += 1
    assert len(seen) > 0.85 * len(asked)


def test_probes_are_complete():
    asked = facts()
    assert len(asked) == 640 and Counter(e.relation for e in asked) == dict.fromkeys(RELATIONS, 160)
    assert ("The capital of France is", " Paris.") in {(e.prompt, e.answer) for e in asked}
    assert ("The Gambia is a country in", " Africa.") in {(e.prompt, e.answer) for e in asked}
    assert len(facts(reverse=True)) == 160
    assert all(e.answer.startswith(" ") and not e.prompt.endswith(" ") for e in asked)


def test_each_fact_is_told_often_and_in_many_forms():
    """Only what is told in several forms can be asked for in another one."""
    sections = grammar.read_sections("facts.txt")
    sentences = Counter(re.split(r"(?<=\.) |\n", "\n".join(texts())))
    for relation in RELATIONS:
        told = defaultdict(Counter)
        for form in sections[relation]:
            for country in countries():
                sentence = grammar.expand(form, None, corpus.country_values(country))
                told[country.name][form] = sentences[sentence]
        for name, forms in told.items():
            assert sum(forms.values()) >= 15, (relation, name)
            assert sum(count > 0 for count in forms.values()) >= 6, (relation, name)


def test_each_country_has_its_share():
    mentions = Counter()
    for text in texts():
        mentions.update(name for name in BY_NAME if name in text)
    assert min(mentions[name] for name in BY_NAME) >= 80


# ---------------------------------------------------------------- tasks

def test_unknown_task_is_refused():
    with pytest.raises(ValueError, match=rf"'poems'.*{', '.join(tasks.TASKS)}"):
        tasks.load_task("poems")


@pytest.mark.parametrize("name", tasks.TASKS)
def test_tasks_are_deterministic_and_their_parts_disjoint(name):
    task, again, other = (tasks.load_task(name, seed) for seed in (3, 3, 4))
    assert task == again and task.train != other.train
    assert task.name == name and task.title
    parts = [{(e.prompt, e.answer) for e in part} for part in (task.train, task.dev, task.test)]
    assert all(len(part) for part in parts)
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert len(task.train) >= (384 if name == "new_facts" else 750)
    for example in (*task.train, *task.dev, *task.test, *task.probes):
        text = example.prompt + example.answer
        assert text.isascii() and "  " not in text and not set("{}[]|<>") & set(text), text
        assert len(text) < 128 * 3.3
        assert bool(example.prompt) == example.answer.startswith(" "), text


@pytest.mark.parametrize("name", ["qa", "instructions", "pirate"])
def test_no_country_crosses_from_training_to_test(name):
    task = tasks.load_task(name)
    for part in ("train", "dev", "test"):
        capitals = {country.capital for country in country_split()[part]}
        outside = {country.capital for country in countries()} - capitals
        outside -= BY_NAME.keys()       # Djibouti and Luxembourg are neighbours too
        text = "\n".join(e.prompt + e.answer for e in getattr(task, part))
        assert not [name for name in outside if re.search(rf"(?<![\w-]){name}\b", text)], part
    assert task.probes


def test_questions_and_instructions_have_the_promised_kinds():
    qa, instructions = tasks.load_task("qa"), tasks.load_task("instructions")
    assert (len(qa.train), len(qa.dev), len(qa.test)) == (768, 192, 320)
    assert Counter(e.relation for e in qa.test) == dict.fromkeys(RELATIONS, 80)
    assert all(re.fullmatch(r"Q: [^\n]+\?\nA:", e.prompt) for e in qa.train)
    pairs = {(e.prompt, e.answer) for part in (qa.train, qa.dev, qa.test) for e in part}
    assert ("Q: What is the capital of France?\nA:", " Paris.") in pairs
    assert Counter(e.relation for e in instructions.test) == dict.fromkeys(
        ("capital", "sentence", "two facts", "record", "country", "language", "where", "pay"), 80)


def test_pirate_speech_follows_its_rules():
    assert tasks.pirate("The capital of {name} is {capital}.") == (
        "Th' capital o' {name} be {capital}, arr!")
    assert tasks.pirate("Its people are kind.") == "Her hearties be kind, arr!"
    for title, forms in grammar.read_sections("facts.txt").items():
        for form in forms:
            assert not re.search(r"\b(the|of|and|is|are|people|it|its|money|to)\b",
                                 re.sub(r"\{\w+\}", "", tasks.pirate(form)), re.I), (title, form)
    task = tasks.load_task("pirate")
    assert {e.answer.endswith(", arr!") for e in task.probes + task.test} == {True}
    assert Counter(e.relation for e in task.probes) == dict.fromkeys(RELATIONS, 40)


def test_element_probes_ask_for_what_is_known_and_told():
    task = tasks.load_task("elements")
    told = "\n".join(e.answer for e in task.train)
    counts = Counter(e.relation for e in task.probes)
    assert counts == {"symbol": 118, "number": 118, "family": 118, "kind": 112, "state": 103}
    assert not [e for e in task.probes if "unknown" in e.answer]
    assert all(f"{element.name.lower()}" in told for element in elements())
    assert sum(e.prompt + e.answer in told for e in task.probes) > 0.8 * len(task.probes)


def test_new_facts_are_asked_in_wordings_that_training_uses_of_other_elements():
    task = tasks.load_task("new_facts")
    told = {e.answer for e in task.train}
    assert len(task.train) == len(told) == 384 and task.test is task.probes
    assert not [e for e in task.dev + task.test if e.prompt + e.answer in told]
    values = {e.name.lower(): tasks.element_values(e) for e in tasks.new_elements()}

    def parts(text, relation):
        (name, start), = ((name, text.removesuffix(f" {values[name][relation]}."))
                          for name in values if text.endswith(f" {values[name][relation]}.")
                          and re.search(rf"\b{name} .*{values[name][relation]}", text))
        return name, relation, start.replace(name, "X")

    trained = [parts(e.answer, e.relation) for e in task.train]
    asked = {part: [parts(e.prompt + e.answer, e.relation) for e in getattr(task, part)]
             for part in ("dev", "test")}
    for part in asked.values():
        # Each fact once; four wordings of it, and its own of others, were read in training.
        assert len(part) == len({each[:2] for each in part}) == 24 * 4
        assert {each[1:] for each in part} == {each[1:] for each in trained}
        assert set(Counter(each[:2] for each in trained).values()) == {4}
    wordings = [{each[:2]: each[2] for each in part} for part in asked.values()]
    assert all(wordings[0][fact] != wordings[1][fact] for fact in wordings[0])


def test_no_state_or_family_is_that_of_most_new_elements():
    chosen = tasks.new_elements()
    assert len(chosen) == len({e.symbol for e in chosen}) == 24
    assert Counter(e.state for e in chosen) == {"gas": 11, "liquid": 2, "solid": 11}
    assert max(Counter(e.family for e in chosen).values()) == 6


def test_tasks_use_words_that_the_base_has_read():
    values = {word.lower() for c in countries() for key in ("name", *RELATIONS)
              for word in getattr(c, key).split()}
    symbols = {element.symbol.lower() for element in elements()}
    for name in tasks.TASKS:
        task = tasks.load_task(name)
        for example in task.train + task.test + task.probes:
            words = set(re.findall(r"[a-z]+", (example.prompt + example.answer).lower()))
            new = {word for word in words - values - symbols if corpus_words()[word] < 5}
            assert not new, (name, new)


def test_recipe_words_are_in_the_breadth_documents():
    rng = np.random.default_rng(1)
    read = Counter(word for _ in range(2600) for word in re.findall(
        r"[a-z]+", corpus.breadth(rng).lower()))
    text = " ".join(e.answer for e in tasks.load_task("recipes").train).lower()
    assert not [word for word in set(re.findall(r"[a-z]+", text)) if read[word] < 3]


def test_paragraph_in_another_style_keeps_the_facts():
    rng = np.random.default_rng(0)
    text = paragraph(BY_NAME["the Netherlands"], "capital", rng, tasks.pirate)
    assert "arr!" in text and "Netherlands" in text


def test_word_lists_have_no_doubles():
    for title, words in word_lists().items():
        assert len(set(words)) == len(words) and all(words), title
