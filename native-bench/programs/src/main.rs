//! The benchmark's queries by hand: what the machine could do. Each program reads the very data that `npm run bench` writes, and prints one
//! line of JSON in the form of the suites in `bench/`.

mod columns;
mod count_by_key;
mod digest;
mod json;
mod keyed_updates;
mod lines;
mod measure;
mod nexmark;
mod threads;
mod ysb;
mod ysb_columns;
mod ysb_json;

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let threads = threads::taken_from(&mut args);
    let rest = args.get(1..).unwrap_or_default();
    let result = match args.first().map(String::as_str) {
        Some("ysb-columns") => ysb_columns::run(rest, threads),
        Some("ysb-json") => ysb_json::run(rest, threads),
        Some("filter-json") => ysb_json::project(rest, threads),
        Some("count-by-key") => count_by_key::run(rest, threads),
        Some("keyed-updates") => keyed_updates::run(rest),
        Some(name) if name.starts_with("nexmark-") => nexmark::run(&name["nexmark-".len()..], rest, threads),
        _ => {
            eprintln!("usage: native-bench PROGRAM [--threads N], where PROGRAM is");
            eprintln!("  ysb-columns POOL ADS WARM_UP SECONDS USES");
            eprintln!("  ysb-json ADS FILE…");
            eprintln!("  filter-json [--lines|--first-lines] FILE…");
            eprintln!("  count-by-key POOL KEYS WARM_UP BATCHES");
            eprintln!("  keyed-updates FEWER_KEYS MORE_KEYS UPDATES ROUNDS");
            eprintln!("  nexmark-q0|q1|q2|q5|q7|q8 DIRECTORY WARM_UP PASSES");
            std::process::exit(2);
        }
    };
    println!("{result}");
}
