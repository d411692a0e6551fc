using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Interaction with a model on given problems; no rewards, and no episode state of its own.</summary>
/// <param name="inference">The model asked.</param>
/// <param name="problems">What it is asked.</param>
/// <param name="sampling">How responses are sampled; null for the model's own distribution.</param>
public abstract class BaseEnvironment(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions? sampling = null)
{
    /// <summary>The model asked.</summary>
    public InferenceModule Inference { get; } = inference;

    /// <summary>What it is asked.</summary>
    public IReadOnlyList<Problem> Problems { get; } = problems.Count > 0 ? problems
        : throw new ArgumentException("An environment needs at least one problem.", nameof(problems));

    /// <summary>How responses are sampled.</summary>
    public SamplingOptions Sampling { get; private set; } = sampling ?? new SamplingOptions();

    /// <summary>The same environment with other sampling: how an evaluation asks greedily.</summary>
    public BaseEnvironment WithSampling(SamplingOptions sampling)
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
        var prompt = BuildPrompt(state);
        if (!state.Turns.IsEmpty && prompt.Length >= Inference.Backend.ContextLength)
        {
            return state with { IsTruncated = true }; // a conversation out of room; a problem that never had room is an error
        }

        var turn = await GenerateAsync(prompt, cancellationToken).ConfigureAwait(false);
        return await UpdateStateAsync(state.Append(turn), turn, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ids of the next prompt. By default the problem's text first, afterwards everything so far, token for token.</summary>
    public virtual int[] BuildPrompt(State state) => state.Turns.IsEmpty
        ? Inference.Tokenizer.Encode(state.Problem.Prompt, addSpecialTokens: true)
        : [.. state.Turns[^1].PromptIds, .. state.Turns[^1].TokenIds];

    /// <summary>The state after an exchange.</summary>
    /// <param name="state">The state with <paramref name="turn"/> appended.</param>
    /// <param name="turn">What was just exchanged.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public abstract ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken);

    /// <summary>Samples one response with <see cref="Sampling"/>.</summary>
    protected async Task<Turn> GenerateAsync(int[] promptIds, CancellationToken cancellationToken)
    {
        var request = new GenerationRequest(promptIds, Sampling, Inference.NextStream());
        var g = (await Inference.GenerateAsync([request], cancellationToken).ConfigureAwait(false))[0];
        return new Turn(g.PromptIds, g.TokenIds, g.LogProbs, g.Text, g.StopReason, Sampling.Temperature);
    }
}
