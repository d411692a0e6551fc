using System.Collections.Immutable;
using Microsoft.Extensions.AI;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>
/// A conversation: the problem's text is the user's first message, a partner says the others. It terminates where the partner has nothing more to say, and is truncated
/// where an answer was cut off or a limit is reached. Every prompt continues the last token for token; what the partner says is never trained on.
/// </summary>
public sealed class ConversationEnvironment : BaseEnvironment
{
    private readonly IConversationPartner partner;
    private readonly ConversationOptions options;
    private readonly IChatFormat format;

    /// <summary>A conversation about each problem.</summary>
    /// <param name="inference">The model asked.</param>
    /// <param name="problems">What the conversations begin with.</param>
    /// <param name="partner">Who speaks after each answer: see <see cref="ScriptedPartner"/>, <see cref="ColumnPartner"/>, <see cref="ModelPartner"/>, <see cref="ChatClientPartner"/>.</param>
    /// <param name="options">System prompt, limits and format; null for the defaults.</param>
    /// <param name="sampling">How answers are sampled; null for the model's own distribution.</param>
    public ConversationEnvironment(
        InferenceModule inference, IReadOnlyList<Problem> problems, IConversationPartner partner, ConversationOptions? options = null, SamplingOptions? sampling = null)
        : base(inference, problems, sampling)
    {
        ArgumentNullException.ThrowIfNull(partner);
        (this.partner, this.options) = (partner, options ?? new ConversationOptions());
        format = this.options.Format ?? ChatFormat.For(inference.Tokenizer);
    }

    /// <inheritdoc/>
    public override int[] BuildPrompt(State state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!state.Turns.IsEmpty)
        {
            return base.BuildPrompt(state);
        }

        var offered = state.Get<OfferedTools>();
        var isTold = offered is null || (format.TellsTools && !offered.Format.IsInline);
        var system = string.Join("\n\n", new[] { options.System, isTold ? "" : offered!.Format.Describe(offered.Tools) }.Where(t => t.Length > 0));
        IEnumerable<Message> opening = system.Length > 0 ? [new Message(ChatRole.System, system)] : [];
        return format.Open([.. opening, new Message(ChatRole.User, state.Problem.Prompt)], isTold && offered is not null ? offered.Tools : []);
    }

    /// <inheritdoc/>
    public override int[] EncodeMessages(State state, IReadOnlyList<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(state);
        return format.Follow(state.Turns[^1], messages);
    }

    /// <inheritdoc/>
    public override async ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(turn);
        if (turn.IsCutOff)
        {
            return state with { IsTruncated = true };
        }

        var said = (state.Get<Said>() ?? new Said([new Message(ChatRole.User, state.Problem.Prompt)])).Then(ChatRole.Assistant, turn.Text);
        if (await partner.ReplyAsync(state.Problem, said.Messages, cancellationToken).ConfigureAwait(false) is not { } reply)
        {
            return state.With(said) with { IsTerminated = true };
        }

        return said.Messages.Count(m => m.Role == ChatRole.Assistant) >= options.MaxTurns ? state.With(said) with { IsTruncated = true }
            : state.With(said.Then(ChatRole.User, reply)).Observe(EncodeMessages(state, [new Message(ChatRole.User, reply)]));
    }

    /// <summary>What has been said in a conversation, without system prompt and tool calls.</summary>
    public static IReadOnlyList<Message> Conversation(State state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Get<Said>()?.Messages ?? [new Message(ChatRole.User, state.Problem.Prompt)];
    }

    /// <inheritdoc/>
    protected internal override SamplingOptions? SamplingFor(State state, int promptLength)
    {
        ArgumentNullException.ThrowIfNull(state);
        var left = options.MaxTokens - promptLength;
        return left >= Sampling.MaxNewTokens ? Sampling
            : left > 0 ? Sampling with { MaxNewTokens = left }
            : !state.Turns.IsEmpty ? null
            : throw new InvalidOperationException($"Problem '{state.Problem.Id}' opens with {promptLength} tokens, which leaves none of MaxTokens = {options.MaxTokens} for an answer.");
    }

    private sealed record Said(ImmutableArray<Message> Messages)
    {
        public Said Then(ChatRole role, string text) => new(Messages.Add(new Message(role, text)));
    }
}
