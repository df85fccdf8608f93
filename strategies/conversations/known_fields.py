"""Fields that are known by their names: those that can change a prompt, and those that cannot.

docs/formats.md says how they are treated. A name belongs to the harmless ones only if no server
and no template makes anything of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """The fields of one kind of object that are known, beside those that a format reads.

    Parameters
    ----------
    refused
        Fields that can change a prompt and cannot be read, each with the reason. Null, false and
        empty values say nothing, and refuse nothing.
    harmless
        Fields that cannot change a prompt. They are left out, whatever they hold.
    """

    refused: Mapping[str, str]
    harmless: AbstractSet[str]


def _names(*texts: str) -> frozenset[str]:
    return frozenset(name for text in texts for name in text.split())


def _because(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return the reason of each name, from the names of each reason."""
    return {name: reason for reason, names in reasons.items() for name in names.split()}


PROMPT_FIELDS = _names("""
    system system_prompt tools functions tool_choice function_call response_format documents
    chat_template_kwargs reasoning_effort continue_final_message add_generation_prompt
""")
"""Fields of a record that can change its prompts, and that all formats read in one way."""

_MEDIA = {
    "media cannot be counted, only text can; take it out, and the placeholder in the text": """
        image images image_url image_urls image_path image_paths image_file img imgs picture
        pictures pixel_values audio audios audio_url audio_path audio_paths input_audio video
        videos video_url video_path video_paths media medias multimodal multi_modal_data file files
        file_id file_ids attachment attachments input_image input_file image_embeds audio_embeds
        video_embeds prompt_embeds
    """
}
_REASONING = (
    "may be reasoning that is sent again; rename it to reasoning_content if your client sends it, "
    "else take it out"
)

_NAMES = """
    uuid guid uid _id index idx i row_id row_index row sample_id item_id data_id doc_id question_id
    prompt_id task_id instance_id example_id group_id parent_id session_id request_id custom_id
    trace_id span_id run_id user_id thread_id chat_id dialog_id dialogue_id conversation_hash hash
    sha256 md5 key name title url uri link method path filename file_name __index_level_0__
    object _type traj_id trajectory_id trajectory_format trial repo base_commit
"""
_ORIGINS = """
    metadata meta info extra_info source sources source_id source_dataset source_file origin
    provenance provider dataset dataset_name dataset_id data_source subset split category
    categories subcategory domain topic topics subtopic tag tags keywords task task_type task_name
    task_category type kind difficulty level complexity intent intents skills skill ability license
    licence author authors annotator annotators annotation annotations notes note comment comments
    description summary version revision status state header hashed_ip ip country region locale
    language languages lang langs
"""
_TIMES = """
    timestamp timestamps created created_at createdAt created_time create_time creation_date
    updated updated_at updatedAt update_time date time datetime start_time end_time started_at
    ended_at duration duration_ms delay delay_seconds arrival_time latency latency_ms ttft ttft_ms
    tpot e2e_latency request_time response_time
"""
_JUDGEMENTS = """
    score scores rating ratings reward rewards rank label labels preference winner judge judgement
    judgment verdict feedback votes upvotes downvotes likes quality quality_score quality_scores
    weight weights loss train mask loss_mask toxic toxicity redacted moderation openai_moderation
    detoxify_moderation pii safe unsafe safety harmful perplexity embedding embeddings confidence
    correct is_correct passed success resolved is_good flagged llm_score
"""
_SIZES = """
    turn turns num_turns n_turns turn_count num_messages n_messages message_count length lengths
    num_tokens n_tokens token_count token_counts tokens input_tokens output_tokens prompt_tokens
    completion_tokens total_tokens cached_tokens input_length output_length prompt_length
    prompt_len response_length isl osl usage cost price
    token_counter agent_action_cost
"""
_ANSWERS = """
    response responses completion completions choices output outputs answer answers chosen rejected
    chosen_rating rejected_rating score_chosen score_rejected ground_truth expected expected_output
    expected_answer reference reference_answer references target targets solution gold error errors
    finish_reason stop_reason system_fingerprint patch model_patch test_patch gold_patch exit_status
    finished terminate_reason latest_output gen_tests_correct pred_passes_gen_tests
"""
_SAMPLING = """
    model model_name model_id model_version models engine deployment temperature top_p top_k top_a
    min_p typical_p max_tokens max_completion_tokens max_new_tokens max_output_tokens min_tokens n
    best_of stop stop_sequences stop_token_ids include_stop_str_in_output ignore_eos seed
    random_seed stream stream_options stream_interval logprobs top_logprobs prompt_logprobs
    logprob_token_ids logit_bias logits_processors frequency_penalty presence_penalty
    repetition_penalty length_penalty use_beam_search num_beams do_sample early_stopping
    allowed_token_ids bad_words skip_special_tokens spaces_between_special_tokens
    thinking_token_budget include_reasoning separate_reasoning stream_reasoning parallel_tool_calls
    user store service_tier priority background safety_identifier prompt_cache_key
    prompt_cache_retention cache_salt cache_control prediction echo guided_json guided_regex
    guided_choice guided_grammar guided_decoding_backend guided_whitespace_pattern
    structured_outputs regex ebnf return_tokens_as_token_ids return_token_ids return_token_offsets
    return_prompt_text return_hidden_states return_weight_versions kv_transfer_params
    ec_transfer_params vllm_xargs repetition_detection watermarking rid lora_path parameters params
    sampling_params sampling_parameters generation_config generation_params generation_kwargs
    config safety_settings timeout
"""

RECORD = Known(
    refused=_because(
        _MEDIA
        | {
            "may be a system prompt; rename it to system if your client sends it, else take it "
            "out": """
                system_message system_instruction system_instructions systemInstruction sys_prompt
                instruction instructions meta_instruction preamble developer developer_message
                developer_prompt persona character safe_prompt bot_instruction
            """,
            "may be tools; rename it to tools if your client sends them, else take it out": """
                function available_tools available_functions tool_schemas tool_schema tool_list
                tool_defs tool_definitions tool_config toolConfig toolset function_schemas
                function_list functions_list apis api_list plugins mcp_servers tool_resources
            """,
            "may be a part of the prompt; write it into the messages, or take it out": """
                context contexts history input inputs prompt question query text passage passages
                knowledge few_shot examples demonstrations greeting first_message prefill
                assistant_prefix suffix
            """,
            "is a template of its own; take it out, and give one with --template": """
                chat_template prompt_template jinja_template template
            """,
            "may be a variable of the template; move it into chat_template_kwargs if your server "
            "passes it on, else take it out": """
                thinking enable_thinking thinking_mode thinking_budget reasoning reasoning_mode
                verbosity builtin_tools template_kwargs add_vision_id date_string keep_thinking
                preserve_thinking clear_thinking
            """,
            _REASONING: "reasoning_content reasoning_details thought thoughts",
            "belongs to the last message; set it there, or use continue_final_message": """
                prefix partial
            """,
            "changes the tokens of the prompt after the template; take it out, or the record": """
                add_special_tokens truncate_prompt_tokens truncation truncation_side
                prompt_token_ids input_ids token_ids
            """,
            "lets the server add to the prompt, and that cannot be counted; take it out": """
                previous_response_id web_search_options web_search enable_search search_parameters
                search_options transforms extra_body extra_query
            """,
            "may ask for media; take it out": "modalities",
        }
    ),
    harmless=_names(_NAMES, _ORIGINS, _TIMES, _JUDGEMENTS, _SIZES, _ANSWERS, _SAMPLING),
)
"""Of a record that holds a whole conversation."""

MESSAGE = Known(
    refused=_because(
        _MEDIA
        | {
            "tools belong to the record": "tools functions available_tools tool_schemas",
            "belongs to the record": "continue_final_message add_generation_prompt",
            _REASONING: """
                reasoning_details reasoning_text thinking_blocks thought thoughts encrypted_content
                redacted_thinking
            """,
            "servers disagree whether it is written; move it into content, or take it out": """
                refusal
            """,
            "belongs to the record, or into content": "documents context",
            "each result is a message of its own, with role tool": "tool_results tool_outputs",
            "rename this field to 'content'": "text value parts",
        }
    ),
    harmless=_names("""
        id uuid _id message_id msg_id request_id parent parent_id index idx turn turn_id turn_index
        turn_identifier timestamp timestamps created created_at createdAt create_time updated_at
        update_time date time datetime usage finish_reason stop_reason stop_sequence logprobs
        weight loss train trainable mask loss_mask score scores rating ratings reward label labels
        rank model model_name model_slug provider language lang toxic toxicity redacted moderation
        openai_moderation detoxify_moderation country state header hashed_ip metadata meta
        annotations citations cache_control status end_turn object system_fingerprint latency
        latency_ms duration cost feedback votes upvotes downvotes likes num_tokens n_tokens
        token_count token_counts tokens input_tokens output_tokens prompt_tokens completion_tokens
        total_tokens delay delay_seconds source reasoning_signature provider_specific_fields
        extra
    """),
)
"""Of a message."""

ROW = Known({**MESSAGE.refused, **RECORD.refused}, MESSAGE.harmless | RECORD.harmless)
"""Of a row that holds one message; the first one also says what belongs to all."""

PART = Known(
    refused=_because(_MEDIA),
    harmless=_names("cache_control annotations logprobs id index signature"),
)
"""Of a part of a content."""

CALL = Known(
    refused=_because({"rename this field to 'arguments'": "parameters args input"}),
    harmless=_names("index extra_content parsed_arguments provider_specific_fields status"),
)
"""Of a tool call, and of the function in it."""
