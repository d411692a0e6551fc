using Microsoft.Extensions.AI;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>A user played by another model, or by the same one. Its tokens are not trained on; inside a rollout they repeat with the seed.</summary>
/// <param name="Inference">The model that plays; not owned.</param>
/// <param name="Instructions">Who it plays, as a system prompt; empty for none.</param>
/// <param name="Sampling">How it speaks; null for the model's own distribution.</param>
public sealed record ModelPartner(InferenceModule Inference, string Instructions = "", SamplingOptions? Sampling = null) : IConversationPartner
{
    /// <summary>How the conversation is written for it; by default its own chat template, or plain text where it has none.</summary>
    public IChatFormat Format { get; init; } = ChatFormat.For(Inference.Tokenizer);

    /// <summary>A text by which it ends the conversation. An empty reply ends it too.</summary>
    public string EndMark { get; init; } = "[END]";

    /// <inheritdoc/>
    public async ValueTask<string?> ReplyAsync(Problem problem, IReadOnlyList<Message> conversation, CancellationToken cancellationToken)
    {
        IEnumerable<Message> system = Instructions.Length > 0 ? [new Message(ChatRole.System, Instructions)] : [];
        var prompt = Format.Open([.. system, .. PlayedPart.Of(conversation)], []);
        var request = new GenerationRequest(prompt, Sampling ?? new SamplingOptions(), Inference.NextStream());
        var generation = (await Inference.GenerateAsync([request], cancellationToken).ConfigureAwait(false))[0];
        return PlayedPart.Reply(generation.Text, EndMark);
    }
}
