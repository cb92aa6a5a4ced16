//! The benchmark's queries by hand, one thread, no durability: what the machine could do. Each program reads the very data that
//! `npm run bench` writes, and prints one line of JSON in the form of the suites in `bench/`.

mod columns;
mod count_by_key;
mod digest;
mod json;
mod measure;
mod ysb;
mod ysb_columns;
mod ysb_json;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let result = match args.first().map(String::as_str) {
        Some("ysb-columns") => ysb_columns::run(rest),
        Some("ysb-json") => ysb_json::run(rest),
        Some("count-by-key") => count_by_key::run(rest),
        _ => {
            eprintln!("usage: native-bench ysb-columns POOL ADS WARM_UP SECONDS USES | ysb-json ADS FILE… | count-by-key POOL KEYS WARM_UP BATCHES");
            std::process::exit(2);
        }
    };
    println!("{result}");
}
