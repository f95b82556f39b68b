//! Beginning a search, and going on with one.

use super::searching::Searching;
use super::spec::{Fingerprints, Origin, Spec};
use super::{StartArgs, no_search, stored, writable};
use crate::cli::{CliError, Context, Exit, figures};
use crate::control::strategy_params;
use crate::domain::kind::BotType;
use crate::optimize::search::{Search, SearchError};
use crate::optimize::study::Study;
use crate::store::research::NewRun;
use crate::store::{StoreError, strategies};
use crate::strategy::{StrategyKind, StrategyParams};

pub(super) fn start(args: &StartArgs, context: &Context) -> Result<(), CliError> {
    let name = args.strategy.as_deref().unwrap_or_default();
    let jobs = jobs(args.jobs)?;
    let origin = origin(name, context)?;
    let mut spec = Spec::new(args, &origin, context)?;
    let study = spec.study(context)?;
    spec.bars = study.base.bots.first().and_then(|bot| bot.spec()?.timeframe);
    let planned = planned(&study)?;
    let prints = Fingerprints::of(&study);
    let run = NewRun {
        strategy: name.to_owned(),
        method: spec.method.to_string(),
        objective: spec.objective.to_string(),
        planned,
        spec: serde_json::to_string(&spec)?,
        candles: prints.candles,
        setup: prints.setup,
    };
    let store = writable(context)?;
    let id = store.begin_run(&run, context.now())?;
    if !context.out.is_json() {
        context.out.note(format!(
            "search {id}: {} of {} ({}), objective {}, {} over {} bars, {}",
            figures::counted(planned.into(), "trial"),
            figures::counted(u64::try_from(study.space.combinations()).unwrap_or(u64::MAX), "combination"),
            spec.method,
            spec.objective,
            match spec.windows {
                0 => "nothing kept apart".to_owned(),
                count => figures::counted(u64::try_from(count).unwrap_or(0), "walk-forward window"),
            },
            study.windows.last().map_or(0, |last| last.outside.unwrap_or(last.inside).1)
                - study.windows.first().map_or(0, |first| first.inside.0),
            figures::counted(u64::try_from(jobs).unwrap_or(1), "core"),
        ));
    }
    Searching { context, study: &study, id, jobs }.run(store)
}

pub(super) fn resume(id: i64, wanted: Option<usize>, context: &Context) -> Result<(), CliError> {
    let jobs = jobs(wanted)?;
    // Not to create what is not there.
    let row = match stored(context)? {
        Some(store) => store.run(id).map_err(|error| missing(error, id))?,
        None => return Err(no_search(id)),
    };
    let store = writable(context)?;
    let study = Spec::read(&row.run.spec)?.study(context)?;
    let prints = Fingerprints::of(&study);
    if prints.candles != row.run.candles {
        return Err(CliError::refused(format!("the candles are not those that search {id} began with"))
            .hint("its trials could not be compared; begin a new search"));
    }
    if prints.setup != row.run.setup {
        return Err(CliError::refused(format!(
            "the configuration or the program is not what search {id} began with"
        ))
        .hint("its trials could not be compared; begin a new search"));
    }
    if !context.out.is_json() {
        context.out.note(format!("search {id}: {} of {} trials are there", row.done, row.run.planned));
    }
    Searching { context, study: &study, id, jobs }.run(store)
}

pub(super) fn missing(error: StoreError, id: i64) -> CliError {
    if matches!(error, StoreError::NotFound { .. }) { no_search(id) } else { error.into() }
}

fn jobs(wanted: Option<usize>) -> Result<usize, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match wanted {
        None => Ok(cores),
        Some(jobs) if (1..=1_024).contains(&jobs) => Ok(jobs),
        Some(jobs) => Err(CliError::usage(format!("--jobs is {jobs}, allowed is 1 to 1024"))),
    }
}

fn planned(study: &Study) -> Result<u32, CliError> {
    let search = Search::new(&study.space, study.plan).map_err(|error| {
        let refusal = CliError::usage(error.to_string());
        match error {
            SearchError::GridTooLarge { .. } => {
                refusal.hint("coarser steps, `--trials N` for a sample, or `--method smart`")
            }
            SearchError::Method { .. } | SearchError::Trials { .. } | SearchError::NothingAllowed { .. } => {
                refusal
            }
        }
    })?;
    Ok(u32::try_from(search.planned()).unwrap_or(u32::MAX))
}

/// A strategy of the database, else a kind with its defaults.
fn origin(name: &str, context: &Context) -> Result<Origin, CliError> {
    let stored = context.database_path().exists().then(|| {
        let store = context.read_store()?;
        match strategies::find(store.conn(), name) {
            Ok(row) => Ok(Some(row)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(CliError::from(error)),
        }
    });
    if let Some(row) = stored.transpose()?.flatten() {
        let params = strategy_params(&row)?;
        return Ok(Origin { kind: params.kind(), params: params.to_json(), timeframe: row.timeframe });
    }
    if name == BotType::Grid.as_str() {
        return Err(CliError::usage("a grid follows no strategy: there are no parameters to search")
            .hint("compare grids with `backtest --bot type=grid,lower=...`"));
    }
    let kind: StrategyKind = name.parse().map_err(|_| {
        CliError::new(Exit::NotFound, format!("there is no strategy `{name}`"))
            .hint("a name of `tradefleet strategy list`, or ema_cross, momentum, macd, ai_trend")
    })?;
    Ok(Origin { kind, params: StrategyParams::new(kind).to_json(), timeframe: None })
}
