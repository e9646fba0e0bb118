//! The page about options covers all of them.

use clap::CommandFactory as _;

use crate::app::workspace;

#[test]
fn the_page_lists_every_option_with_its_variable_and_default() {
    let page = std::fs::read_to_string(workspace().join("docs/configuration.md")).unwrap();
    let mut command = vultus::cli::Cli::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    let mut count = 0;
    for argument in serve.get_arguments().filter(|argument| argument.get_env().is_some()) {
        let (option, variable) = (argument.get_long().unwrap(), argument.get_env().unwrap().to_str().unwrap());
        let start = format!("| `--{option}` | `{variable}` |");
        let row = page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no row {start}"));
        if argument.get_action().takes_values() {
            for default in argument.get_default_values() {
                assert!(row.contains(&format!("| `{}` |", default.to_str().unwrap())), "another default: {row}");
            }
        }
        count += 1;
    }
    assert!(count > 20, "{count}");
    let rows = page.lines().filter(|line| line.starts_with("| `--")).count();
    assert_eq!(rows, count, "options that do not exist");
}
