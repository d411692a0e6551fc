using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Text in, text out: the model continues the problem's text until it stops by itself or its steps are used up.</summary>
/// <param name="inference">The model asked.</param>
/// <param name="problems">What it is asked.</param>
/// <param name="maxSteps">Generations for one problem, each continuing the last; at least 1.</param>
/// <param name="sampling">How responses are sampled; null for the model's own distribution.</param>
public sealed class SimpleTextEnvironment(InferenceModule inference, IReadOnlyList<Problem> problems, int maxSteps = 1, SamplingOptions? sampling = null)
    : BaseEnvironment(inference, problems, sampling)
{
    /// <summary>Generations for one problem.</summary>
    public int MaxSteps { get; } = maxSteps >= 1 ? maxSteps
        : throw new ArgumentOutOfRangeException(nameof(maxSteps), maxSteps, "An episode needs at least one step.");

    /// <inheritdoc/>
    public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(
        state with
        {
            IsTerminated = !turn.IsCutOff,
            IsTruncated = turn.StopReason == StopReason.ContextLength || (turn.IsCutOff && state.Turns.Length >= MaxSteps),
        });
}
