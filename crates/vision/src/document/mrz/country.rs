//! Codes of issuing states and nationalities, ICAO Doc 9303 part 3, section 5.

/// ISO 3166-1 alpha-3.
const STATES: &str = "ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR \
    BHR BHS BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV \
    CRI CUB CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR \
    GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN \
    IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC \
    MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA \
    NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU \
    SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK \
    TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB \
    ZWE";

/// Codes that 9303 adds: Germany's one letter, British nationals, organisations, stateless people and refugees, Kosovo,
/// and the specimen state Utopia.
const OTHERS: &str = "D EUE GBD GBN GBO GBP GBS RKS UNO UNA UNK XAA XBA XCC XCE XCO XDC XEC XES XIM XMP XOM XPO XXA \
    XXB XXC XXX UTO IAO NTZ ANT";

/// Whether Doc 9303 knows the code; fillers removed, so Germany is `D`.
pub fn is_known(code: &str) -> bool {
    STATES.split_whitespace().chain(OTHERS.split_whitespace()).any(|known| known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_the_codes_of_9303_are_known() {
        assert!(["FRA", "D", "UTO", "XXB", "GBN", "RKS"].into_iter().all(is_known));
        assert!(!["", "ZZZ", "FR", "GER", "FRA DEU"].into_iter().any(is_known));
        assert_eq!(STATES.split_whitespace().count(), 249);
    }
}
