//! Reads a tokenizer from its JSON, a BPE or Unigram model by a shorter way.
//!
//! The library first reads a model of any kind into a tree of values, which takes longer than to
//! build the model from it. Here these two are read field by field and built by the library's own
//! functions. JSON that looks different from what the library writes today is left to the library.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Deserializer, de};
use tokenizers::models::bpe::BPE;
use tokenizers::models::unigram::Unigram;
use tokenizers::{
    DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PostProcessorWrapper,
    PreTokenizerWrapper, Result, Token, Tokenizer, TokenizerImpl,
};

use crate::engine::bpe::Tables;

/// A tokenizer whose model is read field by field.
type Short<M> = TokenizerImpl<
    Read<M>,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// Reads a tokenizer, and the tables of its model where they come from the same reading.
///
/// # Errors
///
/// If the JSON is no tokenizer.
pub fn tokenizer(json: &str) -> Result<(Tokenizer, Option<Tables>)> {
    if let Ok(tokenizer) = serde_json::from_str::<Short<BPE>>(json) {
        let tables = tokenizer.get_model().tables.lock();
        let tables = tables.ok().and_then(|mut tables| tables.take());
        return Ok((tokenizer.into(), tables));
    }
    // One of another kind is given up at the first field of its model.
    if let Ok(tokenizer) = serde_json::from_str::<Short<Unigram>>(json) {
        return Ok((tokenizer.into(), None));
    }
    Ok((json.parse()?, None))
}

/// A model that is read field by field.
struct Read<M> {
    model: M,
    /// Taken out before the model is handed on, which a shared reference has to allow.
    tables: Mutex<Option<Tables>>,
}

#[derive(Deserialize)]
enum BpeKind {
    #[serde(rename = "BPE")]
    Bpe,
}

/// The fields of a BPE model as the library writes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BpeFields {
    #[serde(rename = "type")]
    _kind: BpeKind,
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    vocab: HashMap<String, u32, ahash::RandomState>,
    merges: Vec<(String, String)>,
}

impl<'de> Deserialize<'de> for Read<BPE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let fields = BpeFields::deserialize(deserializer)?;
        let tables = Mutex::new(Tables::new(&fields.vocab, &fields.merges));
        let mut builder = BPE::builder()
            .vocab_and_merges(fields.vocab, fields.merges)
            .fuse_unk(fields.fuse_unk)
            .byte_fallback(fields.byte_fallback)
            .ignore_merges(fields.ignore_merges);
        if let Some(dropout) = fields.dropout {
            builder = builder.dropout(dropout);
        }
        if let Some(token) = fields.unk_token {
            builder = builder.unk_token(token);
        }
        if let Some(prefix) = fields.continuing_subword_prefix {
            builder = builder.continuing_subword_prefix(prefix);
        }
        if let Some(suffix) = fields.end_of_word_suffix {
            builder = builder.end_of_word_suffix(suffix);
        }
        let model = builder.build().map_err(de::Error::custom)?;
        Ok(Self { model, tables })
    }
}

#[derive(Deserialize)]
enum UnigramKind {
    Unigram,
}

/// The fields of a Unigram model as the library writes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnigramFields {
    #[serde(rename = "type")]
    _kind: UnigramKind,
    unk_id: Option<usize>,
    vocab: Vec<(String, f64)>,
    byte_fallback: bool,
}

impl<'de> Deserialize<'de> for Read<Unigram> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let fields = UnigramFields::deserialize(deserializer)?;
        let model = Unigram::from(fields.vocab, fields.unk_id, fields.byte_fallback);
        Ok(Self {
            model: model.map_err(de::Error::custom)?,
            tables: Mutex::default(),
        })
    }
}

impl From<Read<BPE>> for ModelWrapper {
    fn from(read: Read<BPE>) -> Self {
        Self::BPE(read.model)
    }
}

impl From<Read<Unigram>> for ModelWrapper {
    fn from(read: Read<Unigram>) -> Self {
        Self::Unigram(read.model)
    }
}

/// What the library asks of a model while it puts a tokenizer together.
impl<M: Model> Model for Read<M> {
    type Trainer = M::Trainer;

    fn tokenize(&self, sequence: &str) -> Result<Vec<Token>> {
        self.model.tokenize(sequence)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.model.token_to_id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.model.id_to_token(id)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.model.get_vocab()
    }

    fn get_vocab_size(&self) -> usize {
        self.model.get_vocab_size()
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> Result<Vec<PathBuf>> {
        self.model.save(folder, prefix)
    }

    fn get_trainer(&self) -> Self::Trainer {
        self.model.get_trainer()
    }
}

#[cfg(test)]
mod tests {
    use super::{Short, tokenizer};
    use crate::tokenizer::testing;
    use tokenizers::models::bpe::BPE;
    use tokenizers::models::unigram::Unigram;
    use tokenizers::{ModelWrapper, Tokenizer};

    fn assert_read_as_the_library_reads(json: &str) {
        let (ours, theirs) = (
            tokenizer(json).unwrap().0,
            json.parse::<Tokenizer>().unwrap(),
        );
        assert_eq!(ours.get_model(), theirs.get_model());
        assert_eq!(
            ours.to_string(false).unwrap(),
            theirs.to_string(false).unwrap()
        );
    }

    fn reads_the_short_way(json: &str) -> bool {
        serde_json::from_str::<Short<BPE>>(json).is_ok()
            || serde_json::from_str::<Short<Unigram>>(json).is_ok()
    }

    #[test]
    fn a_bpe_model_is_read_as_the_library_reads_it() {
        let added = ["<a>", "plain:b", "normalized:<c>", "left:<l>", "the"];
        let json = testing::byte_level(&added).to_string(false).unwrap();
        assert!(reads_the_short_way(&json));
        assert_read_as_the_library_reads(&json);
    }

    #[test]
    fn every_option_of_a_bpe_model_is_read() {
        let vocab = [("<u>", 7), ("a", 0), ("##b", 1), ("ab", 2), ("x</w>", 3)];
        let model = BPE::builder()
            .vocab_and_merges(
                vocab.map(|(token, id)| (token.to_owned(), id)),
                vec![("a".to_owned(), "##b".to_owned())],
            )
            .dropout(0.1)
            .unk_token("<u>".to_owned())
            .continuing_subword_prefix("##".to_owned())
            .end_of_word_suffix("</w>".to_owned())
            .fuse_unk(true)
            .byte_fallback(true)
            .ignore_merges(true)
            .build()
            .unwrap();
        let json = Tokenizer::new(ModelWrapper::from(model))
            .to_string(false)
            .unwrap();
        assert!(reads_the_short_way(&json));
        assert_read_as_the_library_reads(&json);
    }

    #[test]
    fn a_unigram_model_is_read_as_the_library_reads_it() {
        let vocab = [
            ("<u>", 0.0),
            ("a", -0.1),
            ("é", -12.123_456_789_012_345),
            ("a", -3.0),
        ];
        for (unknown, fallback) in [(Some(0), true), (None, false)] {
            let vocab = vocab.map(|(token, score)| (token.to_owned(), score));
            let model = Unigram::from(vocab.to_vec(), unknown, fallback).unwrap();
            let json = Tokenizer::new(ModelWrapper::from(model))
                .to_string(false)
                .unwrap();
            assert!(reads_the_short_way(&json));
            assert_read_as_the_library_reads(&json);
        }
    }

    #[test]
    fn what_is_written_otherwise_is_left_to_the_library() {
        let words = testing::tokenizer(&["<a>"]).to_string(false).unwrap();
        let json = testing::byte_level(&["<a>"]).to_string(false).unwrap();
        let old_merges = json.replace(r#"["t","h"]"#, r#""t h""#).replace(
            r#"["th","e"],["Ġ","the"],["a","a"],["aa","aa"]"#,
            r#""th e","Ġ the","a a","aa aa""#,
        );
        let no_type = json.replace(r#""type":"BPE","#, "");
        let more = json.replace(r#""type":"BPE","#, r#""type":"BPE","more":1,"#);
        for other in [words, old_merges, no_type, more] {
            assert_ne!(other, json);
            assert!(!reads_the_short_way(&other));
            assert_read_as_the_library_reads(&other);
        }
        assert!(tokenizer("{}").is_err());
    }
}
