using System.Text;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

/// <summary>One sequence being decoded: its tokens so far, its random stream and its end.</summary>
internal sealed class DecodeRow
{
    private readonly GenerationRequest request;
    private readonly int contextLength;
    private readonly ITokenizer tokenizer;
    private readonly HashSet<int> stopIds;
    private readonly AdmissionGate.Participant? participant;
    private readonly CancellationToken cancellation;
    private readonly IStreamingDecoder? decoder; // only where stop strings must be looked for
    private readonly StringBuilder text = new();
    private readonly List<int> all; // prompt and response: for the repetition penalty
    private readonly List<float> logProbs = [];
    private StopReason? stop;
    private int stopAt = -1; // where in the text a stop string begins
    private Exception? error;

    public DecodeRow(GenerationRequest request, ModelConfig config, ITokenizer tokenizer, AdmissionGate.Participant? participant, CancellationToken cancellation)
    {
        this.request = request;
        this.tokenizer = tokenizer;
        this.participant = participant;
        this.cancellation = cancellation;
        contextLength = config.ContextLength;
        stopIds = (request.Options.StopTokenIds ?? config.EosTokenIds).ToHashSet();
        decoder = request.Options.StopStrings.IsDefaultOrEmpty ? null : tokenizer.CreateStreamingDecoder();
        all = [.. request.PromptIds];
    }

    public TaskCompletionSource<Generation> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int[] Prompt => request.PromptIds;

    public long Arrival { get; set; }

    public long Order => participant?.Order ?? -1;

    public AdmissionGate? Gate => participant?.Gate;

    public bool IsCancelled => cancellation.IsCancellationRequested;

    /// <summary>Tokens so far, prompt included.</summary>
    public int Length => all.Count;

    /// <summary>Tokens that the cache must have room for.</summary>
    public int MaxLength => Math.Min(Prompt.Length + request.Options.MaxNewTokens, contextLength);

    public int LastToken => all[^1];

    /// <summary>Whether a token could not be drawn, or the tokens have no text.</summary>
    public bool HasFailed => error is not null;

    /// <summary>Draws the next token from <paramref name="logits"/> (used as scratch); true when the row is finished.</summary>
    public bool Accept(Span<float> logits)
    {
        try
        {
            return Draw(logits);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            error = e; // logits that cannot be sampled, a listener that throws: this row's trouble alone
            return true;
        }
    }

    public void Finish()
    {
        if (error is null)
        {
            try
            {
                var ids = all.Skip(Prompt.Length).ToArray();
                var response = stopAt >= 0 ? text.ToString(0, stopAt) : tokenizer.Decode(stop == StopReason.StopToken ? ids.AsSpan(0, ids.Length - 1) : ids);
                var generation = new Generation(Prompt, ids, [.. logProbs], response, stop!.Value);
                participant?.Resume();
                Completion.SetResult(generation);
                return;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                error = e; // an id that the tokenizer does not know
            }
        }

        Fail(error);
    }

    public void Fail(Exception error)
    {
        if (Completion.Task.IsCompleted)
        {
            return;
        }

        participant?.Resume();
        Completion.SetException(error);
    }

    public void Cancel()
    {
        participant?.Resume();
        Completion.SetCanceled(cancellation);
    }

    private bool Draw(Span<float> logits)
    {
        var options = request.Options;
        var index = (ulong)logProbs.Count;
        var previous = options.RepetitionPenalty == 1 ? default : System.Runtime.InteropServices.CollectionsMarshal.AsSpan(all);
        var (id, logProb) = Sampler.Sample(logits, options, previous, request.Random.NextUniform(index));
        all.Add(id);
        logProbs.Add(logProb);
        request.OnToken?.Invoke(new GeneratedToken(id, logProb));
        stop = stopIds.Contains(id) ? StopReason.StopToken
            : EndsInStopString(id) ? StopReason.StopString
            : Length >= contextLength ? StopReason.ContextLength // before its own limit: nothing can continue this one
            : logProbs.Count >= options.MaxNewTokens ? StopReason.MaxNewTokens
            : null;
        return stop is not null;
    }

    private bool EndsInStopString(int id)
    {
        if (decoder is null)
        {
            return false;
        }

        var before = text.Length;
        text.Append(decoder.Append(id));
        var longest = request.Options.StopStrings.Max(s => s.Length);
        var from = Math.Max(0, before - longest + 1);
        var tail = text.ToString(from, text.Length - from);
        stopAt = request.Options.StopStrings.Select(s => tail.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).DefaultIfEmpty(-1).Min();
        stopAt = stopAt < 0 ? -1 : stopAt + from;
        return stopAt >= 0;
    }
}
