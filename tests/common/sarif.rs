//! Whether a report is SARIF 2.1.0.

use serde_json::Value;
use serde_sarif::sarif::Sarif;

/// Every field has to be one that SARIF 2.1.0 knows, of the right type: what goes through the types
/// made from its schema comes out the same. Each result has a rule that the report describes, and a
/// place.
///
/// # Panics
///
/// If it is none.
pub fn assert_sarif(report: &Value) {
    let typed: Sarif = serde_json::from_value(report.clone()).expect("SARIF");
    assert_eq!(&serde_json::to_value(&typed).expect("JSON"), report);
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in run["results"].as_array().expect("results") {
        assert!(
            rules.iter().any(|rule| rule["id"] == result["ruleId"]),
            "{result}"
        );
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str();
        assert!(uri.is_some_and(|uri| !uri.is_empty()), "{result}");
        for figure in ["startLine", "startColumn"] {
            let figure = &place["region"][figure];
            assert!(
                figure.is_null() || figure.as_u64().is_some_and(|n| n >= 1),
                "{result}"
            );
        }
    }
}
