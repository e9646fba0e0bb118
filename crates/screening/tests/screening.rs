//! What a caller may rely on: who is found, who is not, and why.

use proptest::prelude::*;
use vultus_screening::lists::{self, File};
use vultus_screening::{
    Agreement, BirthDate, Country, Facts, Gender, Kind, Query, QueryError, Screener, THRESHOLD, What,
};

const LIST: &str = r#"<CONSOLIDATED_LIST dateGenerated="2026-02-27"><INDIVIDUALS>
<INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>Sergei</FIRST_NAME><SECOND_NAME>Viktorovich</SECOND_NAME><THIRD_NAME>Morozenko</THIRD_NAME><GENDER>Male</GENDER>
 <NATIONALITY><VALUE>Russian Federation</VALUE></NATIONALITY><INDIVIDUAL_DATE_OF_BIRTH><DATE>1960-06-29</DATE></INDIVIDUAL_DATE_OF_BIRTH></INDIVIDUAL>
<INDIVIDUAL><DATAID>2</DATAID><FIRST_NAME>Abd al-Rahman</FIRST_NAME><SECOND_NAME>bin Yusuf</SECOND_NAME><THIRD_NAME>al-Tamiri</THIRD_NAME>
 <INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Abu Zarqun</ALIAS_NAME></INDIVIDUAL_ALIAS></INDIVIDUAL>
<INDIVIDUAL><DATAID>3</DATAID><FIRST_NAME>Sergei</FIRST_NAME><SECOND_NAME>Belov</SECOND_NAME></INDIVIDUAL>
<INDIVIDUAL><DATAID>4</DATAID><FIRST_NAME>Elizabeth</FIRST_NAME><SECOND_NAME>Quarmby</SECOND_NAME></INDIVIDUAL>
</INDIVIDUALS><ENTITIES>
<ENTITY><DATAID>5</DATAID><FIRST_NAME>Northern Lantern Shipping Limited Liability Company</FIRST_NAME></ENTITY>
<ENTITY><DATAID>6</DATAID><FIRST_NAME>Varosha Trading GmbH</FIRST_NAME></ENTITY>
</ENTITIES></CONSOLIDATED_LIST>"#;

fn screener() -> Screener {
    Screener::new(lists::read(&[File { name: "un.xml", bytes: LIST.as_bytes() }]).expect("a list"))
}

fn query(name: &str) -> Query {
    Query { name: name.to_owned(), facts: Facts::default() }
}

/// The id and score of the best hit at the served threshold.
fn best(screener: &Screener, name: &str) -> Option<(String, f32)> {
    let answer = screener.search(&query(name), THRESHOLD, 5).expect("an answer");
    answer.hits.first().map(|hit| (hit.entity.id.clone(), hit.score.score))
}

#[test]
fn spellings_scripts_and_orders_of_a_name_find_its_bearer() {
    let screener = screener();
    for (name, id) in [
        ("MOROZENKO, Sergey Viktorovich", "1"),
        ("Serguei Morozenko", "1"),
        ("Сергей Викторович Морозенко", "1"),
        ("SergeiMorozenko", "1"),
        ("Dr. Sergei V. Morozenko", "1"),
        ("Sergei Morozenk0", "1"),
        ("Abdulrahman ibn Yousef Al Tameri", "2"),
        ("عبد الرحمن بن يوسف التميري", "2"),
        ("Liz Quarmby", "4"),
        ("OOO Northern Lantern Shipping", "5"),
        ("NORTHERN LANTERN SHIPPING L.L.C.", "5"),
        ("Varosha Trading Gesellschaft mit beschränkter Haftung", "6"),
    ] {
        assert_eq!(best(&screener, name).map(|(id, _)| id).as_deref(), Some(id), "{name}");
    }
}

#[test]
fn another_person_with_words_in_common_is_not_reported() {
    let screener = screener();
    for name in [
        "Sergei Borisovich Morozenko",
        "Sergei Ivanov",
        "Yusuf bin Abd al-Rahman al-Tamiri",
        "Northern Trading GmbH",
        "李 静",
        "Ali",
    ] {
        assert_eq!(best(&screener, name), None, "{name}");
    }
}

#[test]
fn facts_corroborate_and_contradict() {
    let screener = screener();
    let score = |facts: Facts| {
        let query = Query { name: "Sergei Morozenko".into(), facts };
        screener.search(&query, 0.0, 1).unwrap().hits[0].score.clone()
    };
    let born = |text: &str| Facts { birth: BirthDate::parse(text), ..Facts::default() };
    let alone = score(Facts::default()).score;
    let (day, year) = (score(born("1960-06-29")), score(born("1960")));
    assert!(day.score > year.score && year.score > alone);
    assert!(day.parts.iter().any(|part| part.what == What::Birth(Agreement::SameDay) && part.effect > 0.0));
    assert!(score(born("1990-01-01")).score < alone - 0.1);
    let from = |code: &str| Facts { nationalities: Country::parse(code).into_iter().collect(), ..Facts::default() };
    assert!(score(from("ru")).score > alone && score(from("br")).score < alone);
    let female = Facts { gender: Some(Gender::Female), ..Facts::default() };
    assert!(score(female).score < alone);
}

#[test]
fn scores_rank_and_do_not_saturate() {
    let screener = screener();
    let exact = best(&screener, "Sergei Viktorovich Morozenko").unwrap().1;
    let shorter = best(&screener, "Sergei Morozenko").unwrap().1;
    let typing_error = best(&screener, "Sergei Morozemko").unwrap().1;
    assert!(exact < 1.0 && exact > shorter && shorter > typing_error, "{exact} {shorter} {typing_error}");
    let weak = screener.search(&query("Abu Zarqun"), 0.0, 1).unwrap().hits[0].clone();
    assert!(weak.score.parts.iter().any(|part| part.what == What::WeakAlias && part.effect < 0.0));
}

#[test]
fn answers_say_why_and_against_what() {
    let screener = screener();
    let answer = screener.search(&query("Sergey Petrovich Morozenko"), 0.0, 1).unwrap();
    assert_eq!(answer.versions[0].date.as_deref(), Some("2026-02-27"));
    let names = &answer.hits[0].score.names;
    assert!(names.query_only.iter().any(|word| word == "petrovich"));
    assert!(names.listed_only.iter().any(|word| word == "viktorovich"));
    let factor: f32 = answer.hits[0].score.parts.iter().map(|part| part.effect).sum();
    assert!((names.score * factor - answer.hits[0].score.score).abs() < 1e-5);
}

#[test]
fn names_without_content_are_refused() {
    let screener = screener();
    for name in ["", "  ", "!?.,-", "\u{200b}\u{202e}", "''"] {
        assert_eq!(screener.search(&query(name), 0.0, 5).unwrap_err(), QueryError::Empty, "{name:?}");
    }
    assert_eq!(screener.search(&query(&"a".repeat(10_000)), 0.0, 5).unwrap_err(), QueryError::TooLong(10_000));
    assert!(Screener::new(Vec::new()).search(&query("Ivo Tarn"), 0.0, 5).unwrap().hits.is_empty());
}

proptest! {
    #[test]
    fn any_name_gets_an_answer(name in "\\PC{0,60}", other in "\\PC{0,60}") {
        let screener = screener();
        if let Ok(answer) = screener.search(&query(&name), 0.0, 10) {
            prop_assert!(answer.hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score.score)));
            prop_assert!(answer.hits.windows(2).all(|pair| pair[0].score.score >= pair[1].score.score));
        }
        for kind in [Kind::Person, Kind::Organisation] {
            prop_assert!((0.0..=1.0).contains(&screener.compare(&name, &other, kind).score));
        }
    }

    #[test]
    fn any_file_is_a_list_or_an_error(start in 0_usize..4, rest in "\\PC{0,200}", cut in 0_usize..2000) {
        let cut = (0..=cut.min(LIST.len())).rev().find(|at| LIST.is_char_boundary(*at)).unwrap();
        let text = match start {
            0 => rest,
            1 => format!("{}{rest}", &LIST[..cut]),
            2 => format!("Name 6,Name 1,Unique ID\n{rest}"),
            _ => format!("<export generationDate='x'>{rest}"),
        };
        let _ = lists::read(&[File { name: "list", bytes: text.as_bytes() }]);
    }
}
