using System.Diagnostics;
using Microsoft.Extensions.AI;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Interaction with a model on given problems; no rewards, and no episode state of its own.</summary>
/// <param name="inference">The model asked.</param>
/// <param name="problems">What it is asked.</param>
/// <param name="sampling">How responses are sampled; null for the model's own distribution.</param>
/// <exception cref="ArgumentException">There is no problem, or two different ones have the same id.</exception>
public abstract class BaseEnvironment(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions? sampling = null)
{
    /// <summary>The model asked.</summary>
    public InferenceModule Inference { get; } = inference;

    /// <summary>What it is asked.</summary>
    public IReadOnlyList<Problem> Problems { get; } = problems.Count > 0 ? Problem.WithIds(problems)
        : throw new ArgumentException("An environment needs at least one problem.", nameof(problems));

    /// <summary>How responses are sampled.</summary>
    public SamplingOptions Sampling { get; private set; } = sampling ?? new SamplingOptions();

    /// <summary>The same environment with other sampling: how an evaluation asks greedily.</summary>
    public virtual BaseEnvironment WithSampling(SamplingOptions sampling)
    {
        var copy = (BaseEnvironment)MemberwiseClone();
        copy.Sampling = sampling;
        return copy;
    }

    /// <summary>The first state of an episode.</summary>
    public virtual State Reset(Problem problem) => new(problem);

    /// <summary>One exchange: build the prompt, generate, update the state; truncated where the context has no room left. May be overridden to ask the model any number of times.</summary>
    public virtual async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        var asked = await RespondAsync(state, BuildPrompt(state), cancellationToken).ConfigureAwait(false);
        return asked.IsOver ? asked : await UpdateStateAsync(asked, asked.Turns[^1], cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ids of the next prompt. By default the problem's text first, afterwards everything so far and what was observed since, token for token.</summary>
    public virtual int[] BuildPrompt(State state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Turns.IsEmpty ? Inference.Tokenizer.Encode(state.Problem.Prompt, addSpecialTokens: true)
            : [.. state.Turns[^1].PromptIds, .. state.Turns[^1].TokenIds, .. state.Observation];
    }

    /// <summary>
    /// Ids by which messages follow the last turn, for <see cref="State.Observe"/>. By default their texts alone, a tool's result between &lt;tool_response&gt; marks; an
    /// environment that talks in a chat format closes the response, renders the messages and opens the next response.
    /// </summary>
    /// <param name="state">A state with at least one turn.</param>
    /// <param name="messages">What is said, in order.</param>
    public virtual int[] EncodeMessages(State state, IReadOnlyList<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return Inference.Tokenizer.Encode(string.Concat(messages.Select(m => m.Role == ChatRole.Tool ? $"\n<tool_response>\n{m.Text}\n</tool_response>\n" : m.Text)));
    }

    /// <summary>The state after an exchange.</summary>
    /// <param name="state">The state with <paramref name="turn"/> appended.</param>
    /// <param name="turn">What was just exchanged.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public abstract ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken);

    /// <summary>How the next response is sampled; null where a limit leaves no room for one. By default <see cref="Sampling"/>.</summary>
    /// <param name="state">Where the episode stands.</param>
    /// <param name="promptLength">Tokens of the next prompt.</param>
    protected internal virtual SamplingOptions? SamplingFor(State state, int promptLength) => Sampling;

    /// <summary>The state with one more response appended; truncated, without one, where a conversation has no room left. A problem that never had room is an error.</summary>
    internal async Task<State> RespondAsync(State state, int[] prompt, CancellationToken cancellationToken)
    {
        var options = SamplingFor(state, prompt.Length);
        if (!state.Turns.IsEmpty && (options is null || prompt.Length >= Inference.ContextLength))
        {
            return state with { IsTruncated = true };
        }

        return state.Append(await GenerateAsync(prompt, options ?? Sampling, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Samples one response with <see cref="Sampling"/>.</summary>
    protected Task<Turn> GenerateAsync(int[] promptIds, CancellationToken cancellationToken) => GenerateAsync(promptIds, Sampling, cancellationToken);

    /// <summary>Samples one response.</summary>
    protected async Task<Turn> GenerateAsync(int[] promptIds, SamplingOptions options, CancellationToken cancellationToken) =>
        (await GenerateAsync(promptIds, 1, options, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>
    /// Samples several responses to one prompt with <see cref="Sampling"/>, in one request: they share the prompt's computation, and a run that asks so repeats bit for bit.
    /// </summary>
    /// <param name="promptIds">Ids of the prompt.</param>
    /// <param name="count">How many responses, at least 1.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    protected Task<IReadOnlyList<Turn>> GenerateAsync(int[] promptIds, int count, CancellationToken cancellationToken) =>
        GenerateAsync(promptIds, count, Sampling, cancellationToken);

    private async Task<IReadOnlyList<Turn>> GenerateAsync(int[] promptIds, int count, SamplingOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var started = Stopwatch.GetTimestamp();
        var requests = Enumerable.Range(0, count).Select(_ => new GenerationRequest(promptIds, options, Inference.NextStream())).ToArray();
        var generations = await Inference.GenerateAsync(requests, cancellationToken).ConfigureAwait(false);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return [.. generations.Select(g => new Turn(g.PromptIds, g.TokenIds, g.LogProbs, g.Text, g.StopReason, options.Temperature)
        {
            WeightsVersion = g.WeightsVersion, Seconds = seconds,
        })];
    }
}
