//! YAML text → documents of [`Node`]s, within bounds that hostile input can't exceed.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as ParserSpan, Tag};

use super::node::{Key, Node, Scalar, Span, Value};
use super::problem::Problem;
use super::source::Source;

/// Deeper nesting than any manifest needs.
const MAX_DEPTH: usize = 32;
const THREE_LEVELS: &str = "a manifest needs three levels";
/// Nodes of a file, aliases expanded.
const MAX_NODES: usize = 20_000;
/// Bytes of all scalars of a file, aliases expanded.
const MAX_BYTES: usize = 4 << 20;

/// Every document of a file, or what stopped the parser.
pub fn documents(source: &Source<'_>) -> Result<Vec<Node>, Box<Problem>> {
    let mut builder = Builder::new(source);
    for event in Parser::new_from_str(source.text) {
        let (event, span) = event.map_err(|e| Box::new(syntax(source, &e)))?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

/// A list or map that is not closed yet.
struct Open {
    span: Span,
    anchor: usize,
    nodes_before: usize,
    bytes_before: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        key: Option<Key>,
    },
}

/// An anchored value and what one use of it costs.
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
}

struct Builder<'a> {
    source: &'a Source<'a>,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    bytes: usize,
}

type Step = Result<(), Box<Problem>>;

impl<'a> Builder<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        Self {
            source,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, at: ParserSpan) -> Step {
        let span = span(at);
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = self
                    .check_tag(tag.as_deref(), span)?
                    .unwrap_or(style == ScalarStyle::Plain);
                self.scalar(&text, plain, anchor, span)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), span)?;
                self.start(Items::List(Vec::new()), anchor, span)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), span)?;
                let items = Items::Map {
                    entries: Vec::new(),
                    key: None,
                };
                self.start(items, anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            _ => {}
        }
        Ok(())
    }

    /// `Some(plain)` where a tag decides whether a scalar's text may mean something else.
    fn check_tag(&self, tag: Option<&Tag>, span: Span) -> Result<Option<bool>, Box<Problem>> {
        let Some(tag) = tag else { return Ok(None) };
        let core = tag.is_yaml_core_schema() || tag.handle == "!!";
        match tag.suffix.as_str() {
            "str" if core => Ok(Some(false)),
            "" if tag.handle == "!" => Ok(Some(false)),
            "null" | "bool" | "int" | "float" if core => Ok(Some(true)),
            "map" | "seq" if core => Ok(None),
            _ => Err(self.stop(
                "tag",
                span,
                "tags have no meaning in a manifest",
                "remove the tag",
            )),
        }
    }

    fn stop(&self, code: &'static str, span: Span, message: &str, way_out: &str) -> Box<Problem> {
        stop(self.source, code, span, message, way_out)
    }

    fn count(&mut self, nodes: usize, bytes: usize, span: Span) -> Step {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > MAX_NODES || self.bytes > MAX_BYTES {
            let message = "with its aliases expanded this file is too large for a manifest";
            return Err(self.stop(
                "too_large",
                span,
                message,
                "write it out without so many aliases",
            ));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, plain: bool, anchor: usize, span: Span) -> Step {
        self.count(1, text.len(), span)?;
        let scalar = Scalar {
            text: text.into(),
            plain,
        };
        let node = Node {
            span,
            value: Value::Scalar(scalar),
        };
        self.remember(anchor, &node, 1, text.len());
        self.add(node)
    }

    fn start(&mut self, items: Items, anchor: usize, span: Span) -> Step {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(self.stop("too_deep", span, &message, THREE_LEVELS));
        }
        self.count(1, 0, span)?;
        self.open.push(Open {
            span,
            anchor,
            nodes_before: self.nodes - 1,
            bytes_before: self.bytes,
            items,
        });
        Ok(())
    }

    fn end(&mut self) -> Step {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.items {
            Items::List(nodes) => Value::List(nodes.into()),
            Items::Map { entries, .. } => Value::Map(entries.into()),
        };
        let node = Node {
            span: open.span,
            value,
        };
        let (nodes, bytes) = (
            self.nodes - open.nodes_before,
            self.bytes - open.bytes_before,
        );
        self.remember(open.anchor, &node, nodes, bytes);
        self.add(node)
    }

    fn remember(&mut self, anchor: usize, node: &Node, nodes: usize, bytes: usize) {
        if anchor != 0 {
            let node = node.clone();
            self.anchors.insert(anchor, Anchored { node, nodes, bytes });
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Step {
        let Some(anchored) = self.anchors.get(&anchor) else {
            let message = "an alias inside the value it stands for";
            return Err(self.stop("alias", span, message, "write the value out"));
        };
        let (nodes, bytes) = (anchored.nodes, anchored.bytes);
        let node = Node {
            span,
            value: anchored.node.value.clone(),
        };
        self.count(nodes, bytes, span)?;
        self.add(node)
    }

    fn add(&mut self, node: Node) -> Step {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.items {
            Items::List(nodes) => nodes.push(node),
            Items::Map { entries, key } => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(as_key(self.source, node)?),
            },
        }
        Ok(())
    }
}

fn as_key(source: &Source<'_>, node: Node) -> Result<Key, Box<Problem>> {
    match node.value {
        Value::Scalar(scalar) => Ok(Key {
            text: scalar.text,
            span: node.span,
        }),
        _ => Err(stop(
            source,
            "key",
            node.span,
            "a key is a plain word",
            "write `field: value`",
        )),
    }
}

fn stop(
    source: &Source<'_>,
    code: &'static str,
    span: Span,
    message: &str,
    way_out: &str,
) -> Box<Problem> {
    let place = source.place(span.line, span.column, span.width);
    let mut problem = source.problem(code, place, message);
    problem.suggestion = Some(way_out.to_owned());
    Box::new(problem)
}

fn span(span: ParserSpan) -> Span {
    let (start, end) = (span.start, span.end);
    let width = match start.line() == end.line() {
        true => end.col().saturating_sub(start.col()),
        false => 1,
    };
    Span {
        line: start.line(),
        column: start.col() + 1,
        width: width.max(1),
    }
}

fn syntax(source: &Source<'_>, error: &ScanError) -> Problem {
    let marker = error.marker();
    let place = source.place(marker.line(), marker.col() + 1, 1);
    let indent: String = place
        .text
        .chars()
        .take_while(|c| c.is_whitespace())
        .collect();
    let tab = indent.contains('\t') || place.text.contains(":\t");
    let mut problem = source.problem("syntax", place, format!("not YAML: {}", error.info()));
    problem.suggestion = Some(
        "check indentation, quotes and brackets; text that holds `: ` or ` #` needs quotes, or \
         `prompt: |` and the text indented below it"
            .to_owned(),
    );
    // The parser has a limit of its own, and meets it first where nothing is closed.
    if error.info().contains("recursion limit") {
        problem.code = "too_deep";
        problem.message = format!("nested more than {MAX_DEPTH} levels deep");
        problem.suggestion = Some(THREE_LEVELS.to_owned());
    }
    if tab {
        problem.code = "tab";
        problem.message = "a tab stands where YAML wants spaces".to_owned();
        problem.suggestion = Some("write spaces instead".to_owned());
    }
    problem
}
