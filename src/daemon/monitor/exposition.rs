//! Figures as the text that Prometheus reads.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What a figure is for whoever reads it.
#[derive(Debug, Clone)]
pub enum Values {
    /// Only grows while the process lives; `_total` is appended to the name.
    Counter(u64),
    Gauges(Vec<(Labels, f64)>),
    Histogram(Histogram),
}

/// Names and values of labels.
pub type Labels = Vec<(&'static str, String)>;

/// One metric: its name without the prefix, what it says, what it is now.
#[derive(Debug, Clone)]
pub struct Figure {
    pub name: &'static str,
    pub help: &'static str,
    pub values: Values,
}

/// All figures in the text format 0.0.4.
pub fn render(figures: Vec<Figure>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("tradefleet");
    registry.register_collector(Box::new(Reading(figures)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Reading(Vec<Figure>);

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for figure in &self.0 {
            match &figure.values {
                Values::Counter(count) => encoder
                    .encode_descriptor(figure.name, figure.help, None, MetricType::Counter)?
                    .encode_counter::<NoLabelSet, _, u64>(count, None)?,
                Values::Gauges(samples) => {
                    let mut metric =
                        encoder.encode_descriptor(figure.name, figure.help, None, MetricType::Gauge)?;
                    for (labels, value) in samples {
                        if labels.is_empty() {
                            metric.encode_gauge(value)?;
                        } else {
                            metric.encode_family(labels)?.encode_gauge(value)?;
                        }
                    }
                }
                Values::Histogram(histogram) => histogram.encode(encoder.encode_descriptor(
                    figure.name,
                    figure.help,
                    None,
                    MetricType::Histogram,
                )?)?,
            }
        }
        Ok(())
    }
}
