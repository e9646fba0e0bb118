//! The addresses of the publishers' lists, and a client that fetches from there.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use vultus_screening::lists::Source;

use crate::config::Outbound;
use crate::outbound::{Client, Limits};

/// The longest file today (OFAC's in XML) has 120 MB. The publishers' servers are sometimes slow.
const LIMITS: Limits = Limits { bytes: 512 << 20, idle: Duration::from_mins(1), total: Duration::from_hours(1) };

/// OFAC's Sanctions List Service.
const OFAC: &str = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports";
const UN: &str = "https://scsanctions.un.org/resources/xml/en/consolidated.xml";
/// The token is the public one of the EU's open data portal.
const EU: &str =
    "https://webgate.ec.europa.eu/fsd/fsf/public/files/xmlFullSanctionsList_1_1/content?token=dG9rZW4tMjAxNw";
const UK: &str = "https://sanctionslist.fcdo.gov.uk/docs/UK-Sanctions-List.xml";
const BIS: &str = "https://www.bis.doc.gov/dpl/dpl.txt";

/// Names and addresses of the files of a list, as its publisher documents them.
pub fn files(source: Source) -> Vec<(&'static str, String)> {
    let ofac = |names: [&'static str; 4]| names.map(|name| (name, format!("{OFAC}/{}", name.to_uppercase()))).to_vec();
    match source {
        Source::OfacSdn => ofac(["sdn.csv", "alt.csv", "add.csv", "sdn_comments.csv"]),
        Source::OfacConsolidated => ofac(["cons_prim.csv", "cons_alt.csv", "cons_add.csv", "cons_comments.csv"]),
        Source::UnConsolidated => vec![("consolidated.xml", UN.into())],
        Source::EuConsolidated => vec![("xmlFullSanctionsList_1_1.xml", EU.into())],
        Source::UkSanctions => vec![("UK-Sanctions-List.xml", UK.into())],
        Source::BisDeniedPersons => vec![("dpl.txt", BIS.into())],
    }
}

/// A client of the publishers, or of one mirror of all of them.
#[derive(Debug, Clone)]
pub struct Publishers {
    client: Client,
    mirror: Option<Url>,
}

impl Publishers {
    /// With a `mirror`, the client fetches the file `f` of the list `l` from `mirror/l/f`.
    ///
    /// # Errors
    /// When the mirror's address is not a URL, and as [`Client::new`].
    pub fn new(mirror: Option<&str>, outbound: &Outbound) -> anyhow::Result<Self> {
        Ok(Self { client: Client::new(outbound)?, mirror: mirror.map(mirror_url).transpose()? })
    }

    /// Fetches the files of a list: names and contents.
    ///
    /// # Errors
    /// When one of them does not arrive whole.
    pub async fn fetch(&self, source: Source) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut fetched = Vec::new();
        for (name, address) in files(source) {
            let url = match &self.mirror {
                Some(mirror) => mirror.join(&format!("{source}/{name}"))?,
                None => Url::parse(&address)?,
            };
            let bytes = self.client.get(url, LIMITS).await.with_context(|| format!("cannot fetch {name}"))?;
            fetched.push((name.to_owned(), bytes));
        }
        Ok(fetched)
    }
}

fn mirror_url(text: &str) -> anyhow::Result<Url> {
    // A base without a slash at its end would lose its last part when a name is joined to it.
    let url = Url::parse(&format!("{}/", text.trim_end_matches('/')));
    url.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).with_context(|| {
        format!("{text} is not the address of a mirror: give one such as https://lists.example.org/sanctions")
    })
}
