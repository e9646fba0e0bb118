//! The words that documents print beside their fields and as their titles.

use super::{DocumentType, Kind};
use crate::document::reader::TextLine;

/// Labels as [`plain`] writes them, in the languages of the passports, cards and licences of Europe and the Americas.
/// Longer labels stand for more than the shorter ones that they begin with, so the longest match counts.
const LABELS: &[(Kind, &[&str])] = &[
    (
        Kind::Surname,
        &[
            "SURNAME",
            "SURNAMES",
            "LASTNAME",
            "FAMILYNAME",
            "LN",
            "NOM",
            "NAME",
            "FAMILIENNAME",
            "APELLIDO",
            "APELLIDOS",
            "PRIMARYIDENTIFIER",
            "COGNOME",
            "APELIDO",
            "NAAM",
            "NAZWISKO",
            "PRIJMENI",
            "EFTERNAMN",
            "ETTERNAVN",
        ],
    ),
    (
        Kind::GivenNames,
        &[
            "GIVENNAMES",
            "GIVENNAME",
            "FIRSTNAME",
            "FIRSTNAMES",
            "FORENAMES",
            "FORENAME",
            "PRENOMS",
            "PRENOM",
            "VORNAMEN",
            "VORNAME",
            "NOMBRE",
            "NOMBRES",
            "SECONDARYIDENTIFIER",
            "NOME",
            "NOMI",
            "VOORNAMEN",
            "IMIONA",
            "JMENO",
            "OTHERNAMES",
            "FN",
            "GN",
        ],
    ),
    (Kind::Name, &["MEMBERNAME", "SUBSCRIBERNAME", "SUBSCRIBER", "MEMBER", "FULLNAME", "INSUREDNAME", "INSURED"]),
    (
        Kind::Number,
        &[
            "PASSPORTNO",
            "PASSPORTNUMBER",
            "DOCUMENTNO",
            "DOCUMENTNUMBER",
            "PASSEPORTNO",
            "NODUPASSEPORT",
            "CARDNO",
            "LICENCENO",
            "LICENSENO",
            "LICENCENUMBER",
            "LICENSENUMBER",
            "DLN",
            "DL",
            "LIC",
            "CUSTOMERIDENTIFIER",
            "IDNO",
            "IDENTITYCARDNUMBER",
            "AUSWEISNUMMER",
            "REISEPASSNR",
            "PASSNR",
            "NUMERO",
            "NUMERODEDOCUMENTO",
            "PASAPORTENO",
            "NUMERODUDOCUMENT",
            "CARTENATIONALEDIDENTITENO",
            "NUMBER",
            "DLNO",
            "DDLN",
        ],
    ),
    (
        Kind::Birth,
        &[
            "DATEOFBIRTH",
            "BIRTHDATE",
            "DOB",
            "BORN",
            "DATEDENAISSANCE",
            "NELE",
            "NEELE",
            "GEBURTSDATUM",
            "GEBURTSTAG",
            "FECHADENACIMIENTO",
            "DATADINASCITA",
            "DATADENASCIMENTO",
            "GEBOORTEDATUM",
            "DATAURODZENIA",
            "DATUMNAROZENI",
        ],
    ),
    (
        Kind::Issue,
        &[
            "DATEOFISSUE",
            "ISSUEDATE",
            "ISSUED",
            "ISS",
            "DATEDEDELIVRANCE",
            "AUSSTELLUNGSDATUM",
            "FECHADEEXPEDICION",
            "FECHADEEMISION",
            "DATADIRILASCIO",
            "DATADEEMISSAO",
            "DATAWYDANIA",
            "DATUMVYDANI",
        ],
    ),
    (
        Kind::Expiry,
        &[
            "DATEOFEXPIRY",
            "DATEOFEXPIRATION",
            "EXPIRYDATE",
            "EXPIRATIONDATE",
            "EXPIRES",
            "EXP",
            "EXPIRY",
            "VALIDUNTIL",
            "DATEDEXPIRATION",
            "GULTIGBIS",
            "FECHADECADUCIDAD",
            "FECHADEVENCIMIENTO",
            "DATADISCADENZA",
            "DATADEVALIDADE",
            "DATAWAZNOSCI",
            "PLATNOSTDO",
            "VALIDTHRU",
        ],
    ),
    (Kind::Sex, &["SEX", "SEXE", "GENDER", "GESCHLECHT", "SEXO", "SESSO", "PLEC", "POHLAVI"]),
    (
        Kind::Nationality,
        &[
            "NATIONALITY",
            "NATIONALITE",
            "STAATSANGEHORIGKEIT",
            "NACIONALIDAD",
            "CITTADINANZA",
            "NACIONALIDADE",
            "OBYWATELSTWO",
            "CITIZENSHIP",
        ],
    ),
    (Kind::Address, &["ADDRESS", "ADD", "ADDR", "ADRESSE", "ANSCHRIFT", "DOMICILIO", "DIRECCION", "INDIRIZZO"]),
    (Kind::Class, &["CLASS", "CLASSE", "CLASES", "CATEGORIES", "KLASSEN", "VEHICLECLASS"]),
    (
        Kind::MemberId,
        &[
            "MEMBERID",
            "MEMBERIDNO",
            "MEMBERIDNUMBER",
            "MEMBERNUMBER",
            "MEMBERNO",
            "SUBSCRIBERID",
            "SUBSCRIBERNO",
            "IDENTIFICATIONNUMBER",
            "IDNUMBER",
            "ENROLLEEID",
            "POLICYNUMBER",
            "POLICYNO",
            "ID",
        ],
    ),
    (Kind::Group, &["GROUP", "GROUPNO", "GROUPNUMBER", "GROUPID", "GRP", "GRPNO"]),
    (Kind::Plan, &["PLAN", "PLANNAME", "PLANTYPE", "PLANCODE", "COVERAGE", "PRODUCT"]),
];

/// Field numbers of driving licences: Directive 2006/126/EC annex I and, with the same numbers for the same things where
/// both have them, the AAMVA card design standard. The number of the licence is 5 in Europe and 4d in America, where 5
/// is the document discriminator.
const NUMBERED: &[(Kind, &str)] = &[
    (Kind::Surname, "1"),
    (Kind::GivenNames, "2"),
    (Kind::Birth, "3"),
    (Kind::Issue, "4a"),
    (Kind::Expiry, "4b"),
    (Kind::Number, "4d"),
    (Kind::Number, "5"),
    (Kind::Address, "8"),
    (Kind::Class, "9"),
    (Kind::Sex, "15"),
];

/// Titles, first match counts.
const TITLES: &[(DocumentType, &[&str])] = &[
    (
        DocumentType::InsuranceCard,
        &["MEMBERID", "SUBSCRIBERID", "RXBIN", "RXGRP", "HEALTHPLAN", "COPAY", "HEALTHINSURANCE"],
    ),
    (
        DocumentType::DrivingLicence,
        &[
            "DRIVERLICENSE",
            "DRIVERSLICENSE",
            "DRIVINGLICENCE",
            "DRIVERLICENCE",
            "DRIVERSLICENCE",
            "OPERATORLICENSE",
            "PERMISDECONDUIRE",
            "FUHRERSCHEIN",
            "PERMISODECONDUCCION",
            "LICENCIADECONDUCIR",
            "PATENTEDIGUIDA",
            "CARTADECONDUCAO",
            "RIJBEWIJS",
            "PRAWOJAZDY",
            "DRIVINGLICENSE",
        ],
    ),
    (DocumentType::Passport, &["PASSPORT", "PASSEPORT", "REISEPASS", "PASAPORTE", "PASSAPORTO", "PASZPORT"]),
    (
        DocumentType::IdentityCard,
        &[
            "IDENTITYCARD",
            "IDENTIFICATIONCARD",
            "CARTENATIONALEDIDENTITE",
            "PERSONALAUSWEIS",
            "DOCUMENTONACIONAL",
            "CARTADIDENTITA",
            "RESIDENTCARD",
            "RESIDENCEPERMIT",
            "DOWODOSOBISTY",
            "IDCARD",
        ],
    ),
];

/// The type of a document, by the words on it.
pub fn document_type(lines: &[TextLine]) -> Option<DocumentType> {
    let words: Vec<String> = lines.iter().map(|line| plain(&line.text)).collect();
    let says = |titles: &[&str]| words.iter().any(|line| titles.iter().any(|title| line.contains(title)));
    TITLES.iter().find(|(_, titles)| says(titles)).map(|(document_type, _)| *document_type)
}

/// The field that the label of a line names, and the text behind the label.
///
/// `numbered` lines, those of driving licences, may begin with a field number alone. Alternatives in other languages,
/// parted by slashes, belong to the label.
pub fn labelled(text: &str, numbered: bool) -> Option<(Kind, String)> {
    let (number, rest) = field_number(text);
    if let Some((kind, behind)) = word_label(rest) {
        return Some((kind, behind));
    }
    let by_number = NUMBERED.iter().find(|(_, known)| numbered && Some(*known) == number.as_deref());
    by_number.map(|(kind, _)| (*kind, rest.trim_matches(SEPARATORS).to_owned()))
}

const SEPARATORS: &[char] = &[' ', ':', '.', ',', ';', '/', '#', '|', '-', '(', ')', '*'];

/// A field number such as `4a.` or `(3)` at the start, in small letters, and what follows it.
fn field_number(text: &str) -> (Option<String>, &str) {
    let start = text.trim_start_matches(SEPARATORS);
    let digits = start.bytes().take_while(u8::is_ascii_digit).count();
    let letter = usize::from(start[digits..].starts_with(['a', 'b', 'c', 'd', 'A', 'B', 'C', 'D']));
    let ends = |at: usize| !start[at..].starts_with(|c: char| c.is_alphanumeric());
    let at = if letter == 1 && ends(digits + 1) { digits + 1 } else { digits };
    // Licences print the number and the label or value without a space at times, but never a number behind a number.
    if (1..=2).contains(&digits) && (at > digits || ends(at) || start[at..].starts_with(char::is_alphabetic)) {
        (Some(start[..at].to_lowercase()), &start[at..])
    } else {
        (None, text)
    }
}

/// The longest label that `text` begins with.
fn word_label(text: &str) -> Option<(Kind, String)> {
    let mut best: Option<(Kind, usize)> = None;
    for end in word_ends(text) {
        let words = plain(&text[..end]);
        let found = LABELS.iter().find(|(_, labels)| labels.contains(&words.as_str()));
        best = found.map(|(kind, _)| (*kind, end)).or(best);
    }
    let (kind, end) = best?;
    let mut behind = text[end..].trim_matches(SEPARATORS);
    // "Surname / Nom ERIKSSON": the label goes on in another language.
    if text[end..].trim_start().starts_with(['/', '(']) {
        if let Some((_, rest)) = word_label(behind) {
            return Some((kind, rest));
        }
        behind = behind.split_once(' ').map_or("", |(_, rest)| rest);
    }
    Some((kind, behind.trim_matches(SEPARATORS).to_owned()))
}

/// Byte positions where a word ends, of the first six words.
fn word_ends(text: &str) -> Vec<usize> {
    const MAX_WORDS: usize = 6;
    let alphanumeric: Vec<(usize, bool)> = text.char_indices().map(|(at, c)| (at, c.is_alphanumeric())).collect();
    let next = alphanumeric.iter().skip(1).copied().chain([(text.len(), false)]);
    alphanumeric.iter().zip(next).filter(|(c, next)| c.1 && !next.1).map(|(_, next)| next.0).take(MAX_WORDS).collect()
}

/// Letters and digits only, in capitals, without the marks of Latin letters.
pub fn plain(text: &str) -> String {
    let unmarked = |c: char| match c {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => 'A',
        'Ç' | 'Ć' | 'Č' => 'C',
        'Ď' | 'Đ' => 'D',
        'È'..='Ë' | 'Ē' | 'Ę' | 'Ě' => 'E',
        'Ì'..='Ï' | 'Ī' | 'İ' => 'I',
        'Ł' => 'L',
        'Ñ' | 'Ń' | 'Ň' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Ő' => 'O',
        'Ř' => 'R',
        'Ś' | 'Š' | 'Ş' | 'Ș' => 'S',
        'Ť' | 'Ţ' | 'Ț' => 'T',
        'Ù'..='Ü' | 'Ů' | 'Ű' | 'Ū' => 'U',
        'Ý' | 'Ÿ' => 'Y',
        'Ź' | 'Ż' | 'Ž' => 'Z',
        other => other,
    };
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).map(unmarked).collect()
}
